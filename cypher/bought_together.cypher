// name: bought_together(itemId: string, minUsers: int = 2, k: int = 10)
// What goes together with an item: what its users also took up, and how much more than others did.
// returns: itemId: string, title: string, users: int, audience: int, affinity: float
MATCH (a:Item {itemId: $itemId})<-[:CARTED|PURCHASED|RATED|REVIEWED|TAGGED|VIEWED]-(u:User)
WITH DISTINCT a, u
MATCH (u)-[:CARTED|PURCHASED|RATED|REVIEWED|TAGGED|VIEWED]->(b:Item)
WHERE b.itemId <> a.itemId
WITH b, count(DISTINCT u) AS users
WHERE users >= $minUsers
MATCH (b)<-[:CARTED|PURCHASED|RATED|REVIEWED|TAGGED|VIEWED]-(v:User)
WITH b, users, count(DISTINCT v) AS audience
RETURN b.itemId AS itemId, b.title AS title, users, audience,
       users / sqrt(1.0 * audience) AS affinity
ORDER BY affinity DESC, itemId
LIMIT $k
