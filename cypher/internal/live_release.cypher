// name: live_release()
// The release whose profiles readers see.
// returns: version: string, asOf: time, horizonDays: int, publishedAt: time
MATCH (r:ProfileRelease)
WHERE r.status = 'live'
RETURN r.version AS version, r.asOf AS asOf, r.horizonDays AS horizonDays,
       r.publishedAt AS publishedAt
ORDER BY coalesce(publishedAt, 0) DESC, version
LIMIT 1
