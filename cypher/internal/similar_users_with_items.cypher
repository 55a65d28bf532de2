// name: similar_users_with_items(userId: string, itemIds: strings)
// Which similar users liked items, nearest first.
// returns: itemId: string, userId: string, score: float
MATCH (:User {userId: $userId})-[s:SIMILAR_TO]->(v:User)
      -[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(i:Item)
WHERE i.itemId IN $itemIds AND coalesce(e.weight, 1.0) >= 0.6
RETURN DISTINCT i.itemId AS itemId, v.userId AS userId, s.score AS score
ORDER BY score DESC, itemId, userId
