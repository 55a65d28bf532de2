MATCH (u:User)-[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i:Item)
WHERE u.userId IN $userIds
RETURN u.userId AS src, label(e) AS kind, i.itemId AS dst, i.title AS title, e.eventId AS eventId,
       e.at AS at, e.weight AS weight
ORDER BY coalesce(e.at, 0) DESC, kind, eventId
LIMIT $k
