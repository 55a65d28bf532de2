// name: rating_scale()
// How the ratings here lie on their scale, worst and best.
// returns: low: float, high: float, worst: float, best: float
MATCH (:User)-[e:RATED|REVIEWED]->(:Item)
WHERE e.rating IS NOT NULL AND e.weight IS NOT NULL
RETURN min(e.rating) AS low, max(e.rating) AS high, min(e.weight) AS worst, max(e.weight) AS best
