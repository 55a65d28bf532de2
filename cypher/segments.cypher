// name: segments()
// Which groups of like taste there are, how large, how active, what they spend and who is leaving.
// returns: segment: string, users: int, monetary: float, frequency: float, recencyDays: float
// returns: churnRisk: float, sentiment: float
MATCH (u:User)
WHERE u.segment IS NOT NULL
RETURN u.segment AS segment, count(*) AS users, CASE WHEN count(u.monetary) > 0 THEN sum(u.monetary) END AS monetary,
       avg(u.frequency) AS frequency, avg(u.recencyDays) AS recencyDays,
       avg(u.churnRisk) AS churnRisk, avg(u.sentiment) AS sentiment
ORDER BY users DESC, segment
