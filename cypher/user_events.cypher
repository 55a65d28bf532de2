// name: user_events(userId: string, k: int = 50)
// Everything a user did, newest first.
// returns: kind: string, eventId: string, at: time, itemId: string, title: string
// returns: rating: float, quantity: float, price: float, text: string
MATCH (:User {userId: $userId})
      -[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i:Item)
RETURN type(e) AS kind, e.eventId AS eventId, e.at AS at, i.itemId AS itemId, i.title AS title,
       e.rating AS rating, e.quantity AS quantity, e.price AS price,
       coalesce(e.text, e.tag) AS text
ORDER BY coalesce(e.at, 0) DESC, kind, eventId
LIMIT $k
