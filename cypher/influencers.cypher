// name: influencers(k: int = 20)
// Who influences the shop: users by their place in the social graph, and how many listen to them.
// returns: userId: string, influence: float, followers: int, friends: int, community: int
// returns: valueTier: string
MATCH (u:User)
WHERE u.influence IS NOT NULL
WITH u ORDER BY u.influence DESC, u.userId LIMIT $k
RETURN u.userId AS userId, u.influence AS influence,
       COUNT { MATCH (u)<-[:FOLLOWS]-(:User) } AS followers,
       COUNT { MATCH (u)-[:FRIEND_OF]-(:User) } AS friends,
       u.community AS community, u.valueTier AS valueTier
ORDER BY influence DESC, userId
