// name: rising_interests(days: int = 30, k: int = 20)
// Which categories are gaining users: active users in the last days against the days before.
// returns: categoryId: string, category: string, users: int, usersBefore: int, growth: float
MATCH (:User)-[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item)
WITH max(e.at) AS newest
MATCH (u:User)-[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item)
      -[:IN_CATEGORY]->(c:Category)
WHERE e.at > newest - 2 * $days * 86400
WITH c, newest, u.userId AS userId, e.at > newest - $days * 86400 AS recent
WITH c, count(DISTINCT CASE WHEN recent THEN userId END) AS users,
     count(DISTINCT CASE WHEN NOT recent THEN userId END) AS usersBefore
WHERE users > usersBefore
RETURN c.categoryId AS categoryId, c.name AS category, users, usersBefore,
       (users + 1.0) / (usersBefore + 1.0) AS growth
ORDER BY growth DESC, users DESC, categoryId
LIMIT $k
