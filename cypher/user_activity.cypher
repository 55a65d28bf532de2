// name: user_activity(userId: string)
// What a user did, counted by kind, with the first and the last time.
// returns: kind: string, events: int, items: int, firstAt: time, lastAt: time, meanRating: float
MATCH (:User {userId: $userId})
      -[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i:Item)
RETURN type(e) AS kind, count(*) AS events, count(DISTINCT i.itemId) AS items,
       min(e.at) AS firstAt, max(e.at) AS lastAt, avg(e.rating) AS meanRating
ORDER BY events DESC, kind
