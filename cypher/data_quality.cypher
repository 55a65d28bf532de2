// name: data_quality()
// What is missing in the data: how many rows each check finds, out of how many.
// returns: check: string, found: int, outOf: int
UNWIND [1] AS whole
WITH COUNT { MATCH (:User) } AS users,
     COUNT { MATCH (u:User) WHERE NOT EXISTS {
         MATCH (u)-[:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item) } } AS withoutEvents,
     COUNT { MATCH (u:User) WHERE NOT EXISTS {
         MATCH (u)-[:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item) }
         AND NOT EXISTS { MATCH (u)-[:FOLLOWS|FRIEND_OF]-(:User) } } AS withoutAnything,
     COUNT { MATCH (u:User) WHERE u.modelVersion IS NULL } AS withoutProfile,
     COUNT { MATCH (:Item) } AS items,
     COUNT { MATCH (i:Item) WHERE i.title IS NULL } AS untitled,
     COUNT { MATCH (i:Item)
         WHERE NOT EXISTS { MATCH (i)-[:IN_CATEGORY]->(:Category) } } AS uncategorised,
     COUNT { MATCH (i:Item) WHERE NOT EXISTS {
         MATCH (i)<-[:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]-(:User) } } AS unused,
     COUNT { MATCH (:Category) } AS categories,
     COUNT { MATCH (c:Category) WHERE NOT EXISTS { MATCH (c)<-[:IN_CATEGORY]-(:Item) }
         AND NOT EXISTS { MATCH (c)<-[:CHILD_OF]-(:Category) } } AS empty,
     COUNT { MATCH (:User)-[:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(:Item)
         } AS events,
     COUNT { MATCH (:User)-[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(:Item)
         WHERE e.at IS NULL } AS untimed,
     COUNT { MATCH (:User)-[:PURCHASED]->(:Item) } AS purchases,
     COUNT { MATCH (:User)-[e:PURCHASED]->(:Item) WHERE e.price IS NULL } AS unpriced,
     COUNT { MATCH (:User)-[:RETURNED]->(:Item) } AS returns,
     COUNT { MATCH (:User)-[e:RETURNED]->(:Item) WHERE e.cancels IS NULL } AS unknown,
     COUNT { MATCH (:User)-[:REVIEWED]->(:Item) } AS reviews,
     COUNT { MATCH (:User)-[e:REVIEWED]->(:Item) WHERE coalesce(e.text, '') = '' } AS textless
UNWIND [
    {nr: 1, check: 'users without events', found: withoutEvents, outOf: users},
    {nr: 2, check: 'users without events or social ties', found: withoutAnything, outOf: users},
    {nr: 3, check: 'users without a profile', found: withoutProfile, outOf: users},
    {nr: 4, check: 'items without a title', found: untitled, outOf: items},
    {nr: 5, check: 'items without a category', found: uncategorised, outOf: items},
    {nr: 6, check: 'items without events', found: unused, outOf: items},
    {nr: 7, check: 'categories without items', found: empty, outOf: categories},
    {nr: 8, check: 'events without a time', found: untimed, outOf: events},
    {nr: 9, check: 'purchases without a price', found: unpriced, outOf: purchases},
    {nr: 10, check: 'returns of unknown purchases', found: unknown, outOf: returns},
    {nr: 11, check: 'reviews without text', found: textless, outOf: reviews}
] AS row
RETURN row.check AS check, row.found AS found, row.outOf AS outOf
ORDER BY row.nr
