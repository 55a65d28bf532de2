// name: activity_over_time(days: int = 30, k: int = 12)
// How active the shop is, period by period, the newest first: users, events and money spent.
// returns: periodsAgo: int, endsAt: time, users: int, events: int, spent: float
MATCH (:User)-[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item)
WITH max(e.at) AS newest
MATCH (u:User)-[e:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item)
WHERE e.at > newest - $days * 86400 * $k
WITH newest, u, (newest - e.at) / ($days * 86400) AS periodsAgo,
     count(*) AS events, count(e.price) AS priced,
     sum(e.price * (coalesce(e.quantity, 1.0) - coalesce(e.cancelledQuantity, 0.0))) AS spent
WITH newest, periodsAgo, count(*) AS users, sum(events) AS events, sum(priced) AS priced,
     sum(spent) AS spent
RETURN periodsAgo, newest - periodsAgo * $days * 86400 AS endsAt, users, events,
       CASE WHEN priced > 0 THEN spent END AS spent
ORDER BY periodsAgo
