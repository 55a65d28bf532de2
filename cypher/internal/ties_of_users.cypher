// name: ties_of_users(userIds: strings, k: int)
// Social ties of users, out and in.
// returns: src: string, kind: string, dst: string, since: time
MATCH (u:User)-[t:FOLLOWS|FRIEND_OF]->(v:User)
WHERE u.userId IN $userIds
RETURN u.userId AS src, type(t) AS kind, v.userId AS dst, t.since AS since
ORDER BY kind, src, dst
LIMIT $k
UNION
MATCH (v:User)<-[t:FOLLOWS|FRIEND_OF]-(u:User)
WHERE v.userId IN $userIds
RETURN u.userId AS src, type(t) AS kind, v.userId AS dst, t.since AS since
ORDER BY kind, src, dst
LIMIT $k
