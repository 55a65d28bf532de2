MATCH (:User {userId: $userId})
      -[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i:Item)
RETURN label(e) AS kind, count(*) AS events, count(DISTINCT i.itemId) AS items,
       min(e.at) AS firstAt, max(e.at) AS lastAt, avg(e.rating) AS meanRating
ORDER BY events DESC, kind
