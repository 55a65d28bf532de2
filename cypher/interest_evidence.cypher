// name: interest_evidence(userId: string, categoryId: string, k: int = 50)
// The evidence behind one interest: the user's own events in the category and below it, newest
// first, and whether the profile cites them.
// returns: kind: string, eventId: string, at: time, itemId: string, title: string
// returns: rating: float, text: string, cited: bool
MATCH (u:User {userId: $userId})
      -[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i:Item)
      -[:IN_CATEGORY]->(:Category)-[:CHILD_OF*0..8]->(c:Category {categoryId: $categoryId})
OPTIONAL MATCH (u)-[x:INTERESTED_IN]->(c)
WITH DISTINCT type(e) AS kind, e, i, coalesce(x.topEvidence, []) AS evidence
RETURN kind, e.eventId AS eventId, e.at AS at, i.itemId AS itemId, i.title AS title,
       e.rating AS rating, e.text AS text, (kind + ':' + e.eventId) IN evidence AS cited
ORDER BY coalesce(e.at, 0) DESC, kind, eventId
LIMIT $k
