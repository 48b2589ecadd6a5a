"""The statements of the ledger. `$n` stand for values; column names are ours."""

from thriftgate.types import AuditKind, DecisionKind, SummaryGroup

REQUEST_COLUMNS = (
    "request_id", "route", "key_hash", "key_alias", "user_id", "team_id", "team_alias", "session_id", "tags",
    "started_at", "duration", "time_to_first_token", "status", "error", "stream", "decision", "reason", "tier",
    "confidence", "similarity", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens",
    "is_estimated", "cost_usd", "baseline_cost_usd", "signals", "stages", "prompt", "coalesced", "cache_entry_id",
    "traceparent", "metadata", "input", "output", "end_user_id", "cache_write_tokens", "cache_write_1h_tokens",
)  # fmt: skip
CALL_COLUMNS = (
    "request_id", "position", "model", "deployment", "purpose", "started_at", "duration", "time_to_first_token",
    "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "is_estimated", "cost_usd", "status",
    "error", "confidence", "mean_logprob", "min_logprob", "parameters", "cost_parts", "cache_write_tokens",
    "cache_write_1h_tokens",
)  # fmt: skip
AUDIT_COLUMNS = (
    "request_id", "kind", "tier", "route", "judged_at", "is_acceptable", "score", "cost_usd", "holdout", "details",
    "asked_at", "calls",
)  # fmt: skip


def _insert(table: str, columns: tuple[str, ...]) -> str:
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"


INSERT_REQUEST = f"{_insert('requests', REQUEST_COLUMNS)} ON CONFLICT DO NOTHING RETURNING request_id"
INSERT_CALL = _insert("calls", CALL_COLUMNS)
ADD_AUDIT = (
    f"{_insert('audits', AUDIT_COLUMNS)} ON CONFLICT (request_id, kind, tier) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in AUDIT_COLUMNS[3:])
    + " WHERE excluded.judged_at >= audits.judged_at"
)

_RECORD = """
SELECT r.*, c.calls FROM requests r LEFT JOIN LATERAL (
    SELECT json_agg(calls ORDER BY position) AS calls FROM calls WHERE calls.request_id = r.request_id
) c ON true
"""
GET = f"{_RECORD} WHERE r.request_id = $1"
RECENT = f"""
{_RECORD} WHERE $1::text IS NULL OR r.route = $1 ORDER BY r.started_at DESC, r.request_id DESC LIMIT $2
"""
PAGE = f"""
{_RECORD} WHERE (r.started_at, r.request_id) > ($1, $2) AND r.started_at < coalesce($3::float8, 'infinity')
  AND ($4::text IS NULL OR r.route = $4)
ORDER BY r.started_at, r.request_id LIMIT $5
"""

DELETE_OLDER = """
WITH audited AS (DELETE FROM audits WHERE judged_at < $1),
gone AS (DELETE FROM requests WHERE started_at < $1 RETURNING 1)
SELECT count(*) FROM gone
"""

AUDITS = f"""
SELECT audits.*, r.started_at AS started_at, r.traceparent, r.key_hash, r.key_alias, r.user_id, r.end_user_id,
       r.team_id, r.team_alias, r.session_id, r.tags
FROM audits LEFT JOIN requests r USING (request_id)
WHERE ($1::text IS NULL OR audits.route = $1)
  AND CASE WHEN $2::text IS NULL THEN kind <> '{AuditKind.GUARD}' ELSE kind = $2 END
  AND judged_at >= coalesce($3::float8, '-infinity')
ORDER BY judged_at, request_id, kind, audits.tier
"""

PLAIN = "max(CASE WHEN reason = 'plain_model' THEN route || ' (plain model)' END)"
"""What a group of calls that went past every route is called: its name is a model's."""

_GROUPS = {
    "total": ("NULL::text", "NULL::text"),
    "user": ("user_id", "NULL::text"),
    "team": ("team_id", "max(team_alias)"),
    "route": ("route", PLAIN),
    "day": ("to_char(to_timestamp(started_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')", "NULL::text"),
    "key": ("key_hash", "max(key_alias)"),
}

_SUMS = """
    sum(prompt_tokens)::bigint AS prompt_tokens, sum(completion_tokens)::bigint AS completion_tokens,
    sum(cached_tokens)::bigint AS cached_tokens, sum(reasoning_tokens)::bigint AS reasoning_tokens,
    sum(cache_write_tokens)::bigint AS cache_write_tokens, sum(cache_write_1h_tokens)::bigint AS cache_write_1h_tokens,
    bool_or(is_estimated) AS is_estimated, sum(cost_usd) AS cost_usd,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration) AS duration_p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration) AS duration_p95
"""
_WITHIN = "r.started_at >= coalesce($1::float8, '-infinity') AND r.started_at < coalesce($2::float8, 'infinity')"
CHECKED = """
    SELECT audits.route, audits.cost_usd, r.user_id, r.team_id, r.team_alias, r.key_hash, r.key_alias,
           coalesce(audits.asked_at, r.started_at, audits.judged_at) AS started_at
    FROM audits LEFT JOIN requests r USING (request_id)
    WHERE audits.kind <> 'feedback' AND audits.judged_at >= coalesce($1::float8, '-infinity')
"""
"""What checks cost since $1, by their requests, so that they fall into the same stretch of time."""
_DECISIONS = ",\n       ".join(f"count(*) FILTER (WHERE decision = '{kind}') AS {kind}" for kind in DecisionKind)

_BY_MODEL = f"""
SELECT model AS name, NULL::text AS label, count(DISTINCT request_id) AS requests,
       count(*) FILTER (WHERE status <> 'ok') AS failures,
       NULL::float8 AS baseline_cost_usd, NULL::float8 AS checking_cost_usd, {_SUMS}
FROM (SELECT calls.* FROM calls JOIN requests r USING (request_id) WHERE {_WITHIN}) chosen
GROUP BY model ORDER BY cost_usd DESC, name
"""


def summary(by: SummaryGroup) -> str:
    """Sums of the requests (or, by model, of the calls) of each group. $1 since, $2 until."""
    if by == "model":
        return _BY_MODEL
    name, label = _GROUPS[by]
    order = "grouped.name" if by == "day" else "cost_usd DESC, grouped.name"
    return f"""
WITH chosen AS (SELECT r.*, {name} AS name FROM requests r WHERE {_WITHIN}),
grouped AS (
    SELECT name, {label} AS label, count(*) AS requests, count(*) FILTER (WHERE status <> 'ok') AS failures,
           {_DECISIONS},
           max(started_at) AS last_at, sum(baseline_cost_usd) AS baseline_cost_usd, {_SUMS}
    FROM chosen GROUP BY name
),
checks AS (SELECT {name} AS name, sum(cost_usd) AS checking_cost_usd FROM ({CHECKED}) r WHERE {_WITHIN} GROUP BY 1)
SELECT grouped.*, coalesce(checks.checking_cost_usd, 0) AS checking_cost_usd
FROM grouped LEFT JOIN checks ON checks.name IS NOT DISTINCT FROM grouped.name ORDER BY {order}
"""
