// name: profile_coverage()
// What the profiles stand on: users by kind of evidence, with their interests; `none` has no profile.
// returns: standsOn: string, users: int, withVector: int, meanEvidence: float
MATCH (u:User)
WITH CASE WHEN u.modelVersion IS NULL THEN 'none' ELSE coalesce(u.coldStart, 'unknown') END
     AS standsOn, u
RETURN standsOn, count(*) AS users, count(u.embedding) AS withVector,
       avg(u.evidenceCount) AS meanEvidence
ORDER BY users DESC, standsOn
