MATCH (:User {userId: $userId})
      -[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i:Item)
WHERE e.eventId IN $eventIds
RETURN label(e) AS kind, e.eventId AS eventId, e.at AS at, i.itemId AS itemId, i.title AS title,
       e.rating AS rating, coalesce(e.text, e.tag) AS text
