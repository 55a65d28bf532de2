// name: audience_overlap(categoryId: string, minScore: float = 0.0, k: int = 20)
// Which other categories the audience of a category is interested in, by how many of its users.
// returns: categoryId: string, category: string, users: int, score: float
MATCH (:Category {categoryId: $categoryId})<-[x:INTERESTED_IN]-(u:User)
      -[y:INTERESTED_IN]->(o:Category)
WHERE x.score >= $minScore AND y.score >= $minScore AND o.categoryId <> $categoryId
RETURN o.categoryId AS categoryId, o.name AS category, count(*) AS users, avg(y.score) AS score
ORDER BY users DESC, categoryId
LIMIT $k
