// name: seen_items(userId: string)
// The items a user has any event with.
// returns: itemId: string
MATCH (:User {userId: $userId})
      -[:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i:Item)
RETURN DISTINCT i.itemId AS itemId
