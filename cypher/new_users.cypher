// name: new_users(days: int = 30, k: int = 20)
// Who is new: first event within the days before the profile was made, most active first.
// returns: userId: string, tenureDays: float, frequency: int, monetary: float, interest: string
MATCH (u:User)
WHERE u.tenureDays <= $days
WITH u ORDER BY u.frequency DESC, u.userId LIMIT $k
OPTIONAL MATCH (u)-[x:INTERESTED_IN]->(c:Category)
WHERE x.rank = 1
RETURN u.userId AS userId, u.tenureDays AS tenureDays, u.frequency AS frequency,
       u.monetary AS monetary, c.name AS interest
ORDER BY frequency DESC, userId
