// name: activity_over_time(days: int = 30, k: int = 12)
// How active the shop is, period by period, the newest first: users, events and money spent.
// returns: periodsAgo: int, endsAt: time, users: int, events: int, spent: float
MATCH (:User)-[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item)
WITH max(e.at) AS newest
MATCH (u:User)-[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item)
WITH u, e, newest, (newest - e.at) / ($days * 86400) AS periodsAgo
WHERE periodsAgo < $k
RETURN periodsAgo, newest - periodsAgo * $days * 86400 AS endsAt,
       count(DISTINCT u.userId) AS users, count(*) AS events,
       CASE WHEN count(e.price) > 0
            THEN sum(e.price * (e.quantity - coalesce(e.cancelledQuantity, 0.0))) END AS spent
ORDER BY periodsAgo
