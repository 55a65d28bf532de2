// name: similar_users(userId: string, k: int = 10)
// Who is like a user in taste, nearest first.
// returns: rank: int, userId: string, score: float, valueTier: string, interest: string
MATCH (:User {userId: $userId})-[s:SIMILAR_TO]->(v:User)
OPTIONAL MATCH (v)-[x:INTERESTED_IN]->(c:Category)
WHERE x.rank = 1
RETURN s.rank AS rank, v.userId AS userId, s.score AS score, v.valueTier AS valueTier,
       c.name AS interest
ORDER BY rank, userId
LIMIT $k
