// name: users_like(text: string, k: int = 5)
// Users whose id contains a text, in either case.
// returns: userId: string
MATCH (u:User)
WHERE toLower(u.userId) CONTAINS toLower($text)
RETURN u.userId AS userId
ORDER BY userId
LIMIT $k
