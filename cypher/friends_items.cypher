// name: friends_items(userId: string, k: int = 20)
// What a user's friends, and those the user follows, liked and the user has not touched.
// returns: itemId: string, title: string, friends: int, friendId: string
MATCH (u:User {userId: $userId})-[:FOLLOWS|FRIEND_OF]-(v:User)
WHERE EXISTS { MATCH (u)-[:FOLLOWS]->(v) } OR EXISTS { MATCH (u)-[:FRIEND_OF]-(v) }
WITH DISTINCT u, v
MATCH (v)-[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(i:Item)
WHERE coalesce(e.weight, 1.0) >= 0.6 AND NOT EXISTS {
        MATCH (u)-[:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i) }
RETURN i.itemId AS itemId, i.title AS title, count(DISTINCT v.userId) AS friends,
       min(v.userId) AS friendId
ORDER BY friends DESC, itemId
LIMIT $k
