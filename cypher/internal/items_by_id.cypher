// name: items_by_id(itemIds: strings)
// Titles of items.
// returns: itemId: string, title: string
UNWIND $itemIds AS itemId
MATCH (i:Item {itemId: itemId})
RETURN i.itemId AS itemId, i.title AS title
