// name: unhappy_users(maxSentiment: float = 0.4, k: int = 20)
// Who writes unhappily, by what they are worth: the users to call first.
// returns: userId: string, sentiment: float, monetary: float, frequency: int, churnRisk: float
// returns: lowestRating: float, lastReviewAt: time
MATCH (u:User)-[e:REVIEWED]->(:Item)
WHERE u.sentiment <= $maxSentiment
RETURN u.userId AS userId, u.sentiment AS sentiment, u.monetary AS monetary,
       u.frequency AS frequency, u.churnRisk AS churnRisk, min(e.rating) AS lowestRating,
       max(e.at) AS lastReviewAt
ORDER BY coalesce(monetary, 0.0) DESC, frequency DESC, userId
LIMIT $k
