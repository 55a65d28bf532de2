MATCH (u:User)-[t:FOLLOWS|FRIEND_OF]->(v:User)
WHERE u.userId IN $userIds
RETURN u.userId AS src, label(t) AS kind, v.userId AS dst, t.since AS since
ORDER BY kind, src, dst
LIMIT $k
UNION
MATCH (v:User)<-[t:FOLLOWS|FRIEND_OF]-(u:User)
WHERE v.userId IN $userIds
RETURN u.userId AS src, label(t) AS kind, v.userId AS dst, t.since AS since
ORDER BY kind, src, dst
LIMIT $k
