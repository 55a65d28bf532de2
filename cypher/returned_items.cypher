// name: returned_items(minSold: float = 1.0, k: int = 20)
// Which items come back most: pieces returned as a share of pieces sold.
// returns: itemId: string, title: string, sold: float, returned: float, share: float
MATCH (:User)-[e:RETURNED]->(i:Item)
WITH i, sum(coalesce(e.quantity, 1.0)) AS returned
MATCH (:User)-[e:PURCHASED]->(i)
WITH i, returned, sum(coalesce(e.quantity, 1.0)) AS sold
WHERE sold >= $minSold
RETURN i.itemId AS itemId, i.title AS title, sold, returned, returned / sold AS share
ORDER BY share DESC, returned DESC, itemId
LIMIT $k
