// name: category_audience(categoryId: string, minScore: float = 0.0, k: int = 50)
// Whom to address about a category: the users most likely to take something up in it.
// returns: userId: string, score: float, basis: string, valueTier: string, churnRisk: float
// returns: recencyDays: float, evidenceCount: int
MATCH (u:User)-[x:INTERESTED_IN]->(:Category {categoryId: $categoryId})
WHERE x.score >= $minScore
RETURN u.userId AS userId, x.score AS score, x.basis AS basis, u.valueTier AS valueTier,
       u.churnRisk AS churnRisk, u.recencyDays AS recencyDays, x.evidenceCount AS evidenceCount
ORDER BY score DESC, userId
LIMIT $k
