// name: categories_of_items(itemIds: strings, k: int)
// The categories items belong to.
// returns: src: string, dst: string, name: string, weight: float
UNWIND $itemIds AS itemId
MATCH (i:Item {itemId: itemId})-[b:IN_CATEGORY]->(c:Category)
RETURN i.itemId AS src, c.categoryId AS dst, c.name AS name, b.weight AS weight
ORDER BY src, dst
LIMIT $k
