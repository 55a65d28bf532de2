// name: interests_together(minUsers: int = 2, k: int = 20)
// Which interests go together: pairs of categories held by the same users, by lift over chance.
// returns: categoryId: string, otherId: string, users: int, lift: float
MATCH (u:User)-[:INTERESTED_IN]->(:Category)
WITH count(DISTINCT u) AS everybody
MATCH (a:Category)<-[:INTERESTED_IN]-(u:User)-[:INTERESTED_IN]->(b:Category)
WHERE a.categoryId < b.categoryId
WITH everybody, a, b, count(*) AS users
WHERE users >= $minUsers
WITH everybody, a, b, users, COUNT { MATCH (a)<-[:INTERESTED_IN]-() } AS ofA,
     COUNT { MATCH (b)<-[:INTERESTED_IN]-() } AS ofB
RETURN a.categoryId AS categoryId, b.categoryId AS otherId, users,
       1.0 * users * everybody / (ofA * ofB) AS lift
ORDER BY lift DESC, users DESC, categoryId, otherId
LIMIT $k
