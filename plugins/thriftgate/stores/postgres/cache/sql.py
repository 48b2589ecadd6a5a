"""The statements of the answer cache. `$n` stand for values; only whole numbers of our own are put into the text."""

import zlib
from collections.abc import Sequence

EXACT_LIMIT = 1000
"""So many vectors of a scope are compared one by one before the approximate index is used."""
BUCKETS = 16
"""Approximate indexes per length of vectors: large scopes of different tenants seldom share one."""
EF_CONSTRUCTION = 200
OUTCOMES = 64

_UNSYNCED = "set_config('synchronous_commit', 'off', true) = 'off'"
"""A condition that is always true and lets this one transaction not wait for the disk."""

_ENTRY = """
    e.id, e.scope, e.key, e.entry_id, e.route, e.question, e.choices, e.model, e.usage, e.cost_usd,
    e.baseline_cost_usd, e.created_at, e.expires_at, e.stale_at, e.tags, e.prompt_version, e.collection, e.hits,
    v.embedding, o.outcomes
"""
_EVIDENCE = f"""
    LEFT JOIN cache_vectors v ON v.entry = e.id
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_array(similarity, features, is_correct, observed_at, source)
                        ORDER BY observed_at, id) AS outcomes
        FROM (SELECT * FROM cache_observations
              WHERE entry_id = e.entry_id AND scope = e.scope
              ORDER BY observed_at DESC, id DESC LIMIT {OUTCOMES}) latest
    ) o ON true
"""

EXACT = f"SELECT {_ENTRY} FROM cache_entries e {_EVIDENCE} WHERE e.scope = $1 AND e.key = $2 AND e.expires_at > $3"

ENTRIES = f"""
SELECT {_ENTRY} FROM cache_entries e {_EVIDENCE}
WHERE ($1::text IS NULL OR e.route = $1) AND e.id > $2 AND e.expires_at > $3
ORDER BY e.id LIMIT $4
"""

STORE = f"""
WITH stored AS (
    INSERT INTO cache_entries AS e (scope, key, entry_id, route, question, choices, model, usage, cost_usd,
        baseline_cost_usd, created_at, expires_at, stale_at, tags, prompt_version, collection, hits, used_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18 WHERE {_UNSYNCED}
    ON CONFLICT (scope, key) DO UPDATE SET
        (entry_id, route, question, choices, model, usage, cost_usd, baseline_cost_usd, created_at, expires_at,
         stale_at, tags, prompt_version, collection, hits, used_at)
        = ROW (excluded.entry_id, excluded.route, excluded.question, excluded.choices, excluded.model,
         excluded.usage, excluded.cost_usd, excluded.baseline_cost_usd, excluded.created_at, excluded.expires_at,
         excluded.stale_at, excluded.tags, excluded.prompt_version, excluded.collection, excluded.hits,
         excluded.used_at)
    RETURNING id
), without_vector AS (
    DELETE FROM cache_vectors WHERE $19::vector IS NULL AND entry IN (SELECT id FROM stored)
), compared AS (
    SELECT count(*) AS vectors
    FROM (SELECT FROM cache_vectors WHERE scope = $1 AND bucket IS NULL LIMIT $21) first_ones
)
INSERT INTO cache_vectors AS v (entry, scope, bucket, expires_at, embedding)
SELECT id, $1, CASE WHEN vectors < $21 THEN NULL ELSE $20::smallint END, $12, $19
FROM stored, compared WHERE $19::vector IS NOT NULL
ON CONFLICT (entry) DO UPDATE SET
    embedding = excluded.embedding, expires_at = excluded.expires_at
"""

TOUCH = f"UPDATE cache_entries SET hits = hits + $4, used_at = $3 WHERE scope = $1 AND entry_id = $2 AND {_UNSYNCED}"

OBSERVE = f"""
INSERT INTO cache_observations
    (entry_id, scope, route, similarity, features, is_correct, observed_at, source, dimensions, embedder)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE {_UNSYNCED}
"""

OBSERVATIONS = """
SELECT * FROM cache_observations
WHERE route = $1 AND dimensions = $3
  AND COALESCE(embedder, CASE dimensions WHEN 256 THEN 'fast' ELSE 'local' END) = $4
ORDER BY observed_at DESC, id DESC LIMIT $2
"""
"""A gateway of before names no embedder; the expression is the index's, word for word."""

PURGE = """
WITH gone AS (
    DELETE FROM cache_entries
    WHERE ($1::text IS NULL OR route = $1) AND ($2::text IS NULL OR scope = $2)
      AND ($3::text IS NULL OR $3 = ANY (tags)) AND ($4::text IS NULL OR entry_id = $4)
      AND ($5::text IS NULL OR collection = $5) AND (cardinality($7::text[]) = 0 OR prompt_version <> ALL ($7))
      AND ($6::text IS NULL OR prompt_version = $6)
    RETURNING expires_at
)
SELECT count(*) FILTER (WHERE expires_at > $8) FROM gone
"""

EVICT = """
WITH gone AS (
    DELETE FROM cache_entries WHERE id IN (
        SELECT id FROM cache_entries WHERE route = $1
        ORDER BY expires_at > $3 DESC, hits DESC, used_at DESC, id DESC OFFSET $2
    ) RETURNING 1
)
SELECT count(*) FROM gone
"""

DELETE_EXPIRED = "WITH gone AS (DELETE FROM cache_entries WHERE expires_at <= $1 RETURNING 1) SELECT count(*) FROM gone"

STATS = """
SELECT route, coalesce(entries, 0) AS entries, coalesce(hits, 0)::bigint AS hits, coalesce(scopes, 0) AS scopes,
       coalesce(observations, 0) AS observations, coalesce(wrong_observations, 0) AS wrong_observations
FROM (
    SELECT route, count(*) AS entries, sum(hits) AS hits, count(DISTINCT scope) AS scopes
    FROM cache_entries WHERE expires_at > $1 GROUP BY route
) kept FULL JOIN (
    SELECT route, count(*) AS observations, count(*) FILTER (WHERE NOT is_correct) AS wrong_observations
    FROM cache_observations GROUP BY route
) observed USING (route)
ORDER BY route
"""


def bucket_of(scope: str) -> int:
    """Which approximate index the vectors of a large scope are in."""
    return zlib.crc32(scope.encode()) % BUCKETS


def nearest_query(dimensions: int, bucket: int) -> str:
    """The look-up by key and vector. $1 scope, $2 key, $3 now, $4 vector, $5 how many.

    The row of the exact key has no distance, and comes alone: then no vector is looked at. `scope || ''` keeps the
    planner from reading a whole large scope through the index on it; the approximate index is not entered at all for a
    scope that has nothing there.
    """
    return f"""
WITH exact AS MATERIALIZED (
    SELECT id FROM cache_entries WHERE scope = $1 AND key = $2 AND expires_at > $3
), compared AS (
    SELECT entry, embedding <#> $4 AS distance FROM cache_vectors
    WHERE scope = $1 AND bucket IS NULL AND vector_dims(embedding) = {dimensions} AND expires_at > $3
      AND NOT EXISTS (SELECT FROM exact)
    ORDER BY distance LIMIT $5
), indexed AS (
    SELECT entry, embedding <#> $4 AS distance FROM (
        SELECT entry, embedding FROM cache_vectors
        WHERE bucket = {bucket} AND vector_dims(embedding) = {dimensions} AND scope || '' = $1 AND expires_at > $3
          AND EXISTS (SELECT FROM cache_vectors WHERE scope = $1 AND bucket = {bucket})
          AND NOT EXISTS (SELECT FROM exact)
        ORDER BY embedding::halfvec({dimensions}) <#> $4::halfvec({dimensions}) LIMIT 3 * $5
    ) near
    ORDER BY distance LIMIT $5
), found AS (
    (SELECT entry, distance FROM compared UNION ALL SELECT entry, distance FROM indexed ORDER BY distance LIMIT $5)
    UNION ALL
    SELECT id, NULL FROM exact
)
SELECT {_ENTRY}, found.distance
FROM found JOIN cache_entries e ON e.id = found.entry {_EVIDENCE}
WHERE e.scope = $1 AND e.expires_at > $3
ORDER BY found.distance
"""


def create_indexes(dimensions: int) -> Sequence[str]:
    """The approximate indexes for vectors of this length.

    Questions come in clusters of near repetitions, and a graph built with pgvector's default effort (64) loses
    its way in them: 1 query in 80 finds none of its neighbours, however widely it searches. With 200 none does.
    """
    lock = "SELECT pg_advisory_xact_lock(hashtext('thriftgate cache indexes'))"
    return [
        lock,
        *(
            f"CREATE INDEX IF NOT EXISTS cache_vectors_{dimensions}_{bucket} ON cache_vectors"
            f" USING hnsw ((embedding::halfvec({dimensions})) halfvec_ip_ops)"
            f" WITH (m = 16, ef_construction = {EF_CONSTRUCTION})"
            f" WHERE bucket = {bucket} AND vector_dims(embedding) = {dimensions}"
            for bucket in range(BUCKETS)
        ),
    ]
