// name: value_tiers()
// How users spread over the value tiers, and what each tier brings and risks.
// returns: valueTier: string, users: int, monetary: float, frequency: float
// returns: recencyDays: float, churnRisk: float
MATCH (u:User)
WHERE u.valueTier IS NOT NULL
RETURN u.valueTier AS valueTier, count(*) AS users, CASE WHEN count(u.monetary) > 0 THEN sum(u.monetary) END AS monetary,
       avg(u.frequency) AS frequency, avg(u.recencyDays) AS recencyDays,
       avg(u.churnRisk) AS churnRisk
ORDER BY coalesce(monetary, 0.0) DESC, users DESC, valueTier
