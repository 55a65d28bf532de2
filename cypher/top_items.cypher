// name: top_items(userId: string, k: int = 20)
// Which items a user is likely to take up next, strongest first, with what stands behind each.
// returns: rank: int, itemId: string, title: string, score: float, basis: string
// returns: evidenceCount: int, topEvidence: strings, evidenceShare: float, asOf: time
// returns: horizonDays: int, modelVersion: string
MATCH (:User {userId: $userId})-[x:INTERESTED_IN]->(i:Item)
RETURN x.rank AS rank, i.itemId AS itemId, i.title AS title, x.score AS score, x.basis AS basis,
       x.evidenceCount AS evidenceCount, x.topEvidence AS topEvidence,
       x.evidenceShare AS evidenceShare, x.asOf AS asOf, x.horizonDays AS horizonDays,
       x.modelVersion AS modelVersion
ORDER BY rank, itemId
LIMIT $k
