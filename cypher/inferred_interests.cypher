// name: inferred_interests(minScore: float = 0.0, k: int = 50)
// Interests users have not shown yet, inferred from friends, text and similar users.
// returns: userId: string, categoryId: string, category: string, score: float
// returns: evidenceCount: int, topEvidence: strings
MATCH (u:User)-[x:INTERESTED_IN]->(c:Category)
WHERE x.basis = 'inferred' AND x.score >= $minScore
RETURN u.userId AS userId, c.categoryId AS categoryId, c.name AS category, x.score AS score,
       x.evidenceCount AS evidenceCount, x.topEvidence AS topEvidence
ORDER BY score DESC, userId, categoryId
LIMIT $k
