// name: parents_of_categories(categoryIds: strings, k: int)
// The broader categories of categories.
// returns: src: string, dst: string, name: string
MATCH (c:Category)-[:CHILD_OF]->(p:Category)
WHERE c.categoryId IN $categoryIds
RETURN c.categoryId AS src, p.categoryId AS dst, p.name AS name
ORDER BY src, dst
LIMIT $k
