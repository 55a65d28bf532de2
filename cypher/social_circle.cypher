// name: social_circle(userId: string, k: int = 50)
// Who influences a user, and whom the user influences, with the interests they share.
// returns: userId: string, follows: bool, followed: bool, friend: bool, influence: float
// returns: sharedInterests: int
MATCH (u:User {userId: $userId})-[:FOLLOWS|FRIEND_OF]-(v:User)
WITH DISTINCT u, v
RETURN v.userId AS userId,
       EXISTS { MATCH (u)-[:FOLLOWS]->(v) } AS follows,
       EXISTS { MATCH (u)<-[:FOLLOWS]-(v) } AS followed,
       EXISTS { MATCH (u)-[:FRIEND_OF]-(v) } AS friend,
       v.influence AS influence,
       COUNT { MATCH (u)-[:INTERESTED_IN]->(:Category)<-[:INTERESTED_IN]-(v) } AS sharedInterests
ORDER BY coalesce(influence, 0.0) DESC, userId
LIMIT $k
