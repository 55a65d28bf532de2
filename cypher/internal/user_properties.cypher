// name: user_properties(userId: string)
// Everything the graph holds about a user as properties: source attributes and profile.
// returns: properties: map
MATCH (u:User {userId: $userId})
RETURN u AS properties
