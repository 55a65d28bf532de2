// name: parents_of_categories(categoryIds: strings, k: int)
// The broader categories of categories.
// returns: src: string, dst: string, name: string
UNWIND $categoryIds AS categoryId
MATCH (c:Category {categoryId: categoryId})-[:CHILD_OF]->(p:Category)
RETURN c.categoryId AS src, p.categoryId AS dst, p.name AS name
ORDER BY src, dst
LIMIT $k
