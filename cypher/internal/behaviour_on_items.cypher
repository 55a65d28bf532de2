// name: behaviour_on_items(itemIds: strings, k: int)
// Events on items, newest first.
// returns: src: string, kind: string, dst: string, title: string, eventId: string, at: time
// returns: weight: float
MATCH (i:Item)<-[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]-(u:User)
WHERE i.itemId IN $itemIds
RETURN u.userId AS src, type(e) AS kind, i.itemId AS dst, i.title AS title, e.eventId AS eventId,
       e.at AS at, e.weight AS weight
ORDER BY coalesce(e.at, 0) DESC, kind, eventId
LIMIT $k
