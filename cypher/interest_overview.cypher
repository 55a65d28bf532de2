// name: interest_overview(k: int = 50)
// How large each category's audience is: users, how many will act within the horizon, how many showed it.
// returns: categoryId: string, category: string, users: int, expected: float, observed: int
MATCH (u:User)-[x:INTERESTED_IN]->(c:Category)
RETURN c.categoryId AS categoryId, c.name AS category, count(*) AS users, sum(x.score) AS expected,
       count(CASE WHEN x.basis = 'observed' THEN 1 END) AS observed
ORDER BY expected DESC, categoryId
LIMIT $k
