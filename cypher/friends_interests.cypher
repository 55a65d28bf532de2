// name: friends_interests(userId: string, k: int = 10)
// What a user's friends, and those the user follows, are into and the user has not shown.
// returns: categoryId: string, category: string, friends: int, meanScore: float
MATCH (u:User {userId: $userId})-[:FOLLOWS|FRIEND_OF]-(v:User)
WHERE EXISTS { MATCH (u)-[:FOLLOWS]->(v) } OR EXISTS { MATCH (u)-[:FRIEND_OF]-(v) }
WITH DISTINCT u, v
MATCH (v)-[x:INTERESTED_IN]->(c:Category)
WHERE x.basis = 'observed'
  AND NOT EXISTS { MATCH (u)-[y:INTERESTED_IN]->(c) WHERE y.basis = 'observed' }
RETURN c.categoryId AS categoryId, c.name AS category, count(*) AS friends,
       avg(x.score) AS meanScore
ORDER BY friends DESC, meanScore DESC, categoryId
LIMIT $k
