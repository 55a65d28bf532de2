// name: users_by_id(userIds: strings)
// A few profile properties of users.
// returns: userId: string, valueTier: string, segment: string, community: int, influence: float
MATCH (u:User)
WHERE u.userId IN $userIds
RETURN u.userId AS userId, u.valueTier AS valueTier, u.segment AS segment,
       u.community AS community, u.influence AS influence
