// name: release_health()
// Releases: which is live or being written, how many users' profiles each was the last to change,
// how fresh they are, and whether a gate was overridden.
// returns: version: string, status: string, users: int, asOf: time, horizonDays: int
// returns: createdAt: time, publishedAt: time, forced: string
MATCH (r:ProfileRelease)
RETURN r.version AS version, r.status AS status,
       COUNT { MATCH (u:User) WHERE u.modelVersion = r.version } AS users,
       r.asOf AS asOf, r.horizonDays AS horizonDays, r.createdAt AS createdAt,
       r.publishedAt AS publishedAt, r.forced AS forced
ORDER BY coalesce(publishedAt, createdAt) DESC, version
