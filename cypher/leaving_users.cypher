// name: leaving_users(minRisk: float = 0.5, k: int = 20)
// Who is leaving and worth keeping: users at risk, by the money (else the activity) at stake.
// returns: userId: string, churnRisk: float, atStake: float, valueTier: string, monetary: float
// returns: frequency: int, recencyDays: float, interest: string
MATCH (u:User)
WHERE u.churnRisk >= $minRisk
WITH u, u.churnRisk * coalesce(u.monetary, 0.0) AS atStake, u.churnRisk * u.frequency AS activity
ORDER BY atStake DESC, activity DESC, u.userId
LIMIT $k
OPTIONAL MATCH (u)-[x:INTERESTED_IN]->(c:Category)
WHERE x.rank = 1
RETURN u.userId AS userId, u.churnRisk AS churnRisk, atStake, u.valueTier AS valueTier,
       u.monetary AS monetary, u.frequency AS frequency, u.recencyDays AS recencyDays,
       c.name AS interest
ORDER BY atStake DESC, activity DESC, userId
