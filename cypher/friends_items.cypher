// name: friends_items(userId: string, k: int = 20)
// What a user's friends, and those the user follows, liked and the user has not touched.
// returns: itemId: string, title: string, friends: int, friendId: string
MATCH (u:User {userId: $userId})-[:FOLLOWS|FRIEND_OF]-(v:User)
      -[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(i:Item)
WHERE (EXISTS { MATCH (u)-[:FOLLOWS]->(v) } OR EXISTS { MATCH (u)-[:FRIEND_OF]-(v) })
  AND coalesce(e.weight, 1.0) >= 0.6
WITH DISTINCT u, v, i
OPTIONAL MATCH (u)-[own:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i)
WITH v, i, count(own) AS touched
WHERE touched = 0
RETURN i.itemId AS itemId, i.title AS title, count(*) AS friends, min(v.userId) AS friendId
ORDER BY friends DESC, itemId
LIMIT $k
