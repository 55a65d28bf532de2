// name: data_quality()
// What is missing in the data: how many rows each check finds, out of how many.
// returns: check: string, found: int, outOf: int
OPTIONAL MATCH (u:User)
WITH count(u) AS users,
     count(CASE WHEN NOT EXISTS {
         MATCH (u)-[:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item) }
         THEN u.userId END) AS withoutEvents,
     count(CASE WHEN NOT EXISTS {
         MATCH (u)-[:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]->(:Item) }
         AND NOT EXISTS { MATCH (u)-[:FOLLOWS|FRIEND_OF]-(:User) }
         THEN u.userId END) AS withoutAnything,
     count(CASE WHEN u.modelVersion IS NULL THEN u.userId END) AS withoutProfile
OPTIONAL MATCH (i:Item)
WITH users, withoutEvents, withoutAnything, withoutProfile,
     count(i) AS items,
     count(CASE WHEN i.title IS NULL THEN i.itemId END) AS untitled,
     count(CASE WHEN NOT EXISTS { MATCH (i)-[:IN_CATEGORY]->(:Category) }
         THEN i.itemId END) AS uncategorised,
     count(CASE WHEN NOT EXISTS {
         MATCH (i)<-[:VIEWED|CARTED|PURCHASED|RATED|REVIEWED|TAGGED]-(:User) }
         THEN i.itemId END) AS unused
OPTIONAL MATCH (c:Category)
WITH users, withoutEvents, withoutAnything, withoutProfile, items, untitled, uncategorised, unused,
     count(c) AS categories,
     count(CASE WHEN NOT EXISTS { MATCH (c)<-[:IN_CATEGORY]-(:Item) }
         AND NOT EXISTS { MATCH (c)<-[:CHILD_OF]-(:Category) }
         THEN c.categoryId END) AS empty
OPTIONAL MATCH (:User)-[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(:Item)
WITH users, withoutEvents, withoutAnything, withoutProfile, items, untitled, uncategorised, unused,
     categories, empty,
     count(e) AS events,
     count(CASE WHEN e IS NOT NULL AND e.at IS NULL THEN 1 END) AS untimed
OPTIONAL MATCH (:User)-[p:PURCHASED]->(:Item)
WITH users, withoutEvents, withoutAnything, withoutProfile, items, untitled, uncategorised, unused,
     categories, empty, events, untimed,
     count(p) AS purchases,
     count(CASE WHEN p IS NOT NULL AND p.price IS NULL THEN 1 END) AS unpriced
OPTIONAL MATCH (:User)-[r:RETURNED]->(:Item)
WITH users, withoutEvents, withoutAnything, withoutProfile, items, untitled, uncategorised, unused,
     categories, empty, events, untimed, purchases, unpriced,
     count(r) AS returns,
     count(CASE WHEN r IS NOT NULL AND r.cancels IS NULL THEN 1 END) AS unknown
OPTIONAL MATCH (:User)-[w:REVIEWED]->(:Item)
WITH users, withoutEvents, withoutAnything, withoutProfile, items, untitled, uncategorised, unused,
     categories, empty, events, untimed, purchases, unpriced, returns, unknown,
     count(w) AS reviews,
     count(CASE WHEN w IS NOT NULL AND coalesce(w.text, '') = '' THEN 1 END) AS textless
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
