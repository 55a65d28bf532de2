// name: users_in_short(userIds: strings)
// Tier and leading interest of users.
// returns: userId: string, valueTier: string, interest: string
MATCH (v:User)
WHERE v.userId IN $userIds
OPTIONAL MATCH (v)-[x:INTERESTED_IN]->(c:Category)
WHERE x.rank = 1
RETURN v.userId AS userId, v.valueTier AS valueTier, c.name AS interest
