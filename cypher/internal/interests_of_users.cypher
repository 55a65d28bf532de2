// name: interests_of_users(userIds: strings, k: int)
// Interests of users in categories, strongest first.
// returns: src: string, dst: string, name: string, score: float, basis: string
MATCH (u:User)-[x:INTERESTED_IN]->(c:Category)
WHERE u.userId IN $userIds
RETURN u.userId AS src, c.categoryId AS dst, c.name AS name, x.score AS score, x.basis AS basis
ORDER BY score DESC, src, dst
LIMIT $k
