// name: categories_like(text: string, k: int = 5)
// Categories whose id or name contains a text, in either case.
// returns: categoryId: string
MATCH (c:Category)
WHERE toLower(c.categoryId) CONTAINS toLower($text) OR toLower(c.name) CONTAINS toLower($text)
RETURN c.categoryId AS categoryId
ORDER BY categoryId
LIMIT $k
