// name: friends_interests(userId: string, k: int = 10)
// What a user's friends, and those the user follows, are into and the user has not shown.
// returns: categoryId: string, category: string, friends: int, meanScore: float
MATCH (u:User {userId: $userId})-[:FOLLOWS|FRIEND_OF]-(v:User)-[x:INTERESTED_IN]->(c:Category)
WHERE (EXISTS { MATCH (u)-[:FOLLOWS]->(v) } OR EXISTS { MATCH (u)-[:FRIEND_OF]-(v) })
  AND x.basis = 'observed'
WITH DISTINCT u, v, x.score AS score, c
OPTIONAL MATCH (u)-[own:INTERESTED_IN]->(c)
WHERE own.basis = 'observed'
WITH v, score, c, count(own) AS shown
WHERE shown = 0
RETURN c.categoryId AS categoryId, c.name AS category, count(*) AS friends,
       avg(score) AS meanScore
ORDER BY friends DESC, meanScore DESC, categoryId
LIMIT $k
