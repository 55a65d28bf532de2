// name: events_by_id(userId: string, eventIds: strings)
// A user's events named as evidence, with the item and what was said.
// returns: kind: string, eventId: string, at: time, itemId: string, title: string
// returns: rating: float, text: string
MATCH (:User {userId: $userId})
      -[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i:Item)
WHERE e.eventId IN $eventIds
RETURN type(e) AS kind, e.eventId AS eventId, e.at AS at, i.itemId AS itemId, i.title AS title,
       e.rating AS rating, coalesce(e.text, e.tag) AS text
