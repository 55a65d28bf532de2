// name: categories_of_items(itemIds: strings, k: int)
// The categories items belong to.
// returns: src: string, dst: string, name: string, weight: float
MATCH (i:Item)-[b:IN_CATEGORY]->(c:Category)
WHERE i.itemId IN $itemIds
RETURN i.itemId AS src, c.categoryId AS dst, c.name AS name, b.weight AS weight
ORDER BY src, dst
LIMIT $k
