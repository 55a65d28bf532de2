// name: top_brands(k: int = 20)
// Which brands have the most users, and what was spent on them.
// returns: brand: string, items: int, users: int, monetary: float
MATCH (u:User)-[e:CARTED|PURCHASED|RATED|REVIEWED|TAGGED|VIEWED]->(i:Item)
WHERE i.brand IS NOT NULL
RETURN i.brand AS brand, count(DISTINCT i.itemId) AS items, count(DISTINCT u) AS users,
       CASE WHEN count(e.price) > 0
            THEN sum(e.price * (e.quantity - coalesce(e.cancelledQuantity, 0.0))) END AS monetary
ORDER BY users DESC, brand
LIMIT $k
