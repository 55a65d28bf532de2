// name: items_under(categoryIds: strings)
// Items in categories or below them.
// returns: itemId: string
UNWIND $categoryIds AS categoryId
MATCH (:Category {categoryId: categoryId})<-[:CHILD_OF*0..8]-(:Category)<-[:IN_CATEGORY]-(i:Item)
RETURN DISTINCT i.itemId AS itemId
