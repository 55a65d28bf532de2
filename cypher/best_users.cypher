// name: best_users(k: int = 20)
// Who our best customers are and why: money, activity, tier, chance of leaving, leading interest.
// returns: userId: string, valueTier: string, monetary: float, frequency: int
// returns: recencyDays: float, churnRisk: float, interest: string, interestScore: float
MATCH (u:User)
WHERE u.frequency > 0
WITH u, coalesce(u.monetary, 0.0) AS money
ORDER BY money DESC, u.frequency DESC, u.userId
LIMIT $k
OPTIONAL MATCH (u)-[x:INTERESTED_IN]->(c:Category)
WHERE x.rank = 1
RETURN u.userId AS userId, u.valueTier AS valueTier, u.monetary AS monetary,
       u.frequency AS frequency, u.recencyDays AS recencyDays, u.churnRisk AS churnRisk,
       c.name AS interest, x.score AS interestScore
ORDER BY money DESC, frequency DESC, userId
