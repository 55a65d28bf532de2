// name: categories_named(text: string)
// The categories of an id or a name, each with itself and all that is above it.
// returns: categoryId: string, above: string
MATCH (c:Category)-[:CHILD_OF*0..8]->(a:Category)
WHERE c.categoryId = $text OR c.name = $text
RETURN DISTINCT c.categoryId AS categoryId, a.categoryId AS above
ORDER BY categoryId, above
