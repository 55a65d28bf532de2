// name: top_interests(userId: string, k: int = 10)
// What a user is interested in, strongest first, with how sure we are and what stands behind it.
// returns: rank: int, categoryId: string, category: string, score: float, basis: string
// returns: evidenceCount: int, topEvidence: strings, evidenceShare: float, asOf: time
// returns: horizonDays: int, modelVersion: string
MATCH (:User {userId: $userId})-[x:INTERESTED_IN]->(c:Category)
RETURN x.rank AS rank, c.categoryId AS categoryId, c.name AS category, x.score AS score,
       x.basis AS basis, x.evidenceCount AS evidenceCount, x.topEvidence AS topEvidence,
       x.evidenceShare AS evidenceShare, x.asOf AS asOf, x.horizonDays AS horizonDays,
       x.modelVersion AS modelVersion
ORDER BY rank, categoryId
LIMIT $k
