// name: popular_items(days: int = 30, k: int = 20)
// What most users took up in the last days (of all time, where the data has no times).
// returns: itemId: string, title: string, users: int, events: int
MATCH (:User)-[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item)
WITH max(e.at) AS newest
MATCH (u:User)-[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(i:Item)
WHERE newest IS NULL OR e.at > newest - $days * 86400
RETURN i.itemId AS itemId, i.title AS title, count(DISTINCT u) AS users, count(*) AS events
ORDER BY users DESC, events DESC, itemId
LIMIT $k
