// name: items_under(categoryIds: strings)
// Items in categories or below them.
// returns: itemId: string
MATCH (c:Category)<-[:CHILD_OF*0..8]-(:Category)<-[:IN_CATEGORY]-(i:Item)
WHERE c.categoryId IN $categoryIds
RETURN DISTINCT i.itemId AS itemId
