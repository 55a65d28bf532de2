// name: ties_of_users(userIds: strings, k: int)
// Social ties of users, out and in.
// returns: src: string, kind: string, dst: string, since: time
UNWIND $userIds AS userId
MATCH (u:User {userId: userId})-[t:FOLLOWS|FRIEND_OF]->(v:User)
RETURN u.userId AS src, type(t) AS kind, v.userId AS dst, t.since AS since
ORDER BY kind, src, dst
LIMIT $k
UNION
UNWIND $userIds AS userId
MATCH (v:User {userId: userId})<-[t:FOLLOWS|FRIEND_OF]-(u:User)
RETURN u.userId AS src, type(t) AS kind, v.userId AS dst, t.since AS since
ORDER BY kind, src, dst
LIMIT $k
