// name: items_by_id(itemIds: strings)
// Titles of items.
// returns: itemId: string, title: string
MATCH (i:Item)
WHERE i.itemId IN $itemIds
RETURN i.itemId AS itemId, i.title AS title
