// name: communities(k: int = 20)
// Which social communities there are, how large, and what they spend.
// returns: community: int, users: int, monetary: float, frequency: float, churnRisk: float
MATCH (u:User)
WHERE u.community IS NOT NULL
RETURN u.community AS community, count(*) AS users, CASE WHEN count(u.monetary) > 0 THEN sum(u.monetary) END AS monetary,
       avg(u.frequency) AS frequency, avg(u.churnRisk) AS churnRisk
ORDER BY users DESC, community
LIMIT $k
