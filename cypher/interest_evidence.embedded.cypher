// The engine keeps a list on an edge as the bytes of its JSON text.
MATCH (u:User {userId: $userId})
      -[e:VIEWED|CARTED|PURCHASED|RETURNED|RATED|REVIEWED|TAGGED]->(i:Item)
      -[:IN_CATEGORY]->(:Category)-[:CHILD_OF*0..8]->(c:Category {categoryId: $categoryId})
OPTIONAL MATCH (u)-[x:INTERESTED_IN]->(c)
WITH DISTINCT label(e) AS kind, e, i, coalesce(decode(x.topEvidence), '') AS evidence
RETURN kind, e.eventId AS eventId, e.at AS at, i.itemId AS itemId, i.title AS title,
       e.rating AS rating, e.text AS text, evidence CONTAINS
         ('"' + replace(replace(kind + ':' + e.eventId, '\\', '\\\\'), '"', '\\"') + '"') AS cited
ORDER BY coalesce(e.at, 0) DESC, kind, eventId
LIMIT $k
