// name: audience_makeup(categoryId: string, minScore: float = 0.0)
// Who the audience of a category is made of: by value tier, how many users, how many of them
// will act, and who is leaving.
// returns: valueTier: string, users: int, expected: float, churnRisk: float, recencyDays: float
MATCH (u:User)-[x:INTERESTED_IN]->(:Category {categoryId: $categoryId})
WHERE x.score >= $minScore
RETURN u.valueTier AS valueTier, count(*) AS users, sum(x.score) AS expected,
       avg(u.churnRisk) AS churnRisk, avg(u.recencyDays) AS recencyDays
ORDER BY users DESC, coalesce(valueTier, '')
