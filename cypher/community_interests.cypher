// name: community_interests(community: int, k: int = 10)
// What a social community is into, against everybody.
// returns: categoryId: string, category: string, users: int, share: float, shareOfAll: float
MATCH (u:User)
WITH count(CASE WHEN u.community = $community THEN 1 END) AS members, count(*) AS everybody
MATCH (u:User)-[:INTERESTED_IN]->(c:Category)
WITH members, everybody, c, count(*) AS holders,
     count(CASE WHEN u.community = $community THEN 1 END) AS users
WHERE users > 0
RETURN c.categoryId AS categoryId, c.name AS category, users, 1.0 * users / members AS share,
       1.0 * holders / everybody AS shareOfAll
ORDER BY users DESC, categoryId
LIMIT $k
