// name: interest_in_items(userId: string, itemIds: strings)
// Which of a user's interests items fall under, strongest first.
// returns: itemId: string, category: string, score: float
MATCH (:User {userId: $userId})-[x:INTERESTED_IN]->(c:Category)<-[:IN_CATEGORY]-(i:Item)
WHERE i.itemId IN $itemIds
RETURN i.itemId AS itemId, coalesce(c.name, c.categoryId) AS category, x.score AS score
ORDER BY score DESC, itemId, category
