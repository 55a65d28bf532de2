// name: interested_users(categoryId: string, minScore: float)
// Users with an interest in a category or below it, and the strongest such score.
// returns: userId: string, score: float
MATCH (:Category {categoryId: $categoryId})<-[:CHILD_OF*0..8]-(:Category)
      <-[x:INTERESTED_IN]-(u:User)
WHERE x.score >= $minScore
RETURN u.userId AS userId, max(x.score) AS score
ORDER BY userId
