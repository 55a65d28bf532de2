// name: item_audience(itemId: string, k: int = 50)
// Whom to address about an item: the users for whom it is among the likeliest next ones.
// returns: userId: string, score: float, rank: int, basis: string, valueTier: string
MATCH (u:User)-[x:INTERESTED_IN]->(:Item {itemId: $itemId})
RETURN u.userId AS userId, x.score AS score, x.rank AS rank, x.basis AS basis,
       u.valueTier AS valueTier
ORDER BY score DESC, userId
LIMIT $k
