// name: data_quality()
// What is missing in the data: how many rows each check finds, out of how many.
// returns: check: string, found: int, outOf: int
MATCH (u:User)
WITH count(CASE WHEN NOT EXISTS {
         MATCH (u)-[:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item) } THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'users without events' AS check, found, outOf
UNION ALL
MATCH (u:User)
WITH count(CASE WHEN NOT EXISTS {
         MATCH (u)-[:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item) }
         AND NOT EXISTS { MATCH (u)-[:FOLLOWS|FRIEND_OF]-(:User) } THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'users without events or social ties' AS check, found, outOf
UNION ALL
MATCH (u:User)
WITH count(CASE WHEN u.modelVersion IS NULL THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'users without a profile' AS check, found, outOf
UNION ALL
MATCH (i:Item)
WITH count(CASE WHEN i.title IS NULL THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'items without a title' AS check, found, outOf
UNION ALL
MATCH (i:Item)
WITH count(CASE WHEN NOT EXISTS { MATCH (i)-[:IN_CATEGORY]->(:Category) } THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'items without a category' AS check, found, outOf
UNION ALL
MATCH (i:Item)
WITH count(CASE WHEN NOT EXISTS {
         MATCH (i)<-[:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]-(:User) } THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'items without events' AS check, found, outOf
UNION ALL
MATCH (c:Category)
WITH count(CASE WHEN
         NOT EXISTS { MATCH (c)<-[:IN_CATEGORY]-(:Item) }
         AND NOT EXISTS { MATCH (c)<-[:CHILD_OF]-(:Category) } THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'categories without items' AS check, found, outOf
UNION ALL
MATCH (:User)-[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(:Item)
WITH count(CASE WHEN e.at IS NULL THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'events without a time' AS check, found, outOf
UNION ALL
MATCH (:User)-[e:PURCHASED]->(:Item)
WITH count(CASE WHEN e.price IS NULL THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'purchases without a price' AS check, found, outOf
UNION ALL
MATCH (:User)-[e:RETURNED]->(:Item)
WITH count(CASE WHEN e.cancels IS NULL THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'returns of unknown purchases' AS check, found, outOf
UNION ALL
MATCH (:User)-[e:REVIEWED]->(:Item)
WITH count(CASE WHEN coalesce(e.text, '') = '' THEN 1 END) AS found,
     count(*) AS outOf
RETURN 'reviews without text' AS check, found, outOf
