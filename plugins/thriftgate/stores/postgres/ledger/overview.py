"""What the live page asks of the ledger: sums and counts that PostgreSQL makes, so that no request has to be read.

Failure behaviour: every method raises StoreUnavailableError when the database does not answer, or not in time.
"""

import math
from collections.abc import Mapping, Sequence

from thriftgate.stats.search import Search
from thriftgate.stats.tallies import DeploymentTally, MoneySums, RequestTally, Tallies
from thriftgate.stores.postgres.connection.database import Database, Row
from thriftgate.stores.postgres.connection.text import from_text, to_text
from thriftgate.stores.postgres.ledger.sql import CHECKED, PLAIN
from thriftgate.types import DecisionKind

_DECISIONS = ", ".join(f"count(*) FILTER (WHERE decision = '{kind}') AS {kind}" for kind in DecisionKind)

_CHOSEN = """started_at >= $1 AND started_at < $2 AND ($3 = '' OR route = $3)
  AND ($4 = '' OR $4 IN (team_id, team_alias, user_id, key_alias, key_hash))"""
"""The requests of a time, all or those of a route and of somebody: a team, a user or a key, by id or by name."""

_TALLIES = f"""
WITH chosen AS (
    SELECT *, floor((started_at - $1) / $5::float8)::int AS bucket
    FROM requests WHERE {_CHOSEN}
), grouped AS (
    SELECT grouping(route, team_id, user_id, bucket) AS kind, route, team_id, user_id, bucket,
           max(team_alias) AS team_alias, {PLAIN} AS plain, count(*) AS n,
           count(*) FILTER (WHERE status <> 'ok') AS failures,
           {_DECISIONS},
           sum(cost_usd) AS cost, sum(baseline_cost_usd) AS baseline, sum(cost_usd * cost_usd) AS cost_squared,
           sum(baseline_cost_usd * baseline_cost_usd) AS baseline_squared,
           sum(cost_usd * baseline_cost_usd) AS product
    FROM chosen GROUP BY GROUPING SETS ((), (route), (team_id), (user_id), (bucket))
)
SELECT * FROM (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY cost DESC, n DESC, route, team_id, user_id) AS place,
           count(*) OVER (PARTITION BY kind) AS size
    FROM grouped
) ranked
WHERE n > 0 AND (place <= $6 OR kind = {0b1110})
ORDER BY kind, bucket, place
"""
# grouping() sets a bit, from the left, for each column that a row is not grouped by.
_TOTAL, _ROUTE, _TEAM, _USER, _TIME = 0b1111, 0b0111, 0b1011, 0b1101, 0b1110

_LATENCIES = f"""
SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration) AS quantiles
FROM requests WHERE {_CHOSEN}
"""

_DEPLOYMENTS = f"""
SELECT model, regexp_replace(deployment, '^.*/', '') AS deployment, count(*) AS calls,
       count(*) FILTER (WHERE c.status = 'failed') AS failures,
       percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY c.duration) AS quantiles,
       max(c.started_at) FILTER (WHERE c.status = 'failed') AS last_failure_at
FROM calls c JOIN (SELECT request_id FROM requests WHERE {_CHOSEN}) r USING (request_id)
GROUP BY 1, 2 ORDER BY 1, 2
"""
# Providers name themselves `openai/gpt-5` on one way and `gpt-5` on another.

_REASONS = """
SELECT decision, coalesce(reason, '') AS reason, count(*) AS n
FROM requests WHERE route = $1 AND started_at >= $2 AND started_at < $3 GROUP BY 1, 2
"""

_CHECKS = f"SELECT coalesce(sum(cost_usd), 0) AS cost FROM ({CHECKED}) r WHERE {_CHOSEN}"

_COUNT = "SELECT count(*) FROM requests WHERE started_at >= $1 AND started_at < $2"

_SHIFTED = "SELECT request_id FROM requests WHERE request_id = ANY($1::text[]) AND reason = 'budget_shift'"


_KINDS = {
    None: "true",
    "dear": "true",
    "escalated": "decision = 'escalated'",
    "failed": "status <> 'ok'",
    "hits": "decision IN ('exact_hit', 'semantic_hit')",
}

_FIND = "SELECT request_id FROM requests WHERE {chosen} AND {kind} ORDER BY {order} LIMIT $5"


class PostgresOverview:
    """Reads the ledger for the live page (implements `services.overview.OverviewSource`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._patience = database.timeouts.report

    async def tallies(self, whose: Search, *, since: float, until: float, stretch: float, most: int) -> Tallies:
        """Sums of the requests started in [since, until), by stretches of so many seconds and by `most` groups each."""
        rows = await self._database.fetch(
            _TALLIES, *_chosen(whose, since, until), stretch, most, timeout=self._patience
        )
        of = {kind: [row for row in rows if row["kind"] == kind] for kind in (_TOTAL, _ROUTE, _TEAM, _USER, _TIME)}
        named = {"routes": of[_ROUTE], "teams": of[_TEAM], "users": of[_USER]}
        return Tallies(
            total=_tally(of[_TOTAL][0], None) if of[_TOTAL] else None,
            routes=[_tally(row, row["route"], label=row["plain"]) for row in of[_ROUTE]],
            teams=[_tally(row, row["team_id"], label=row["team_alias"]) for row in of[_TEAM]],
            users=[_tally(row, row["user_id"]) for row in of[_USER]],
            stretches=[_tally(row, None, started_at=since + row["bucket"] * stretch) for row in of[_TIME]],
            sizes={name: found[0]["size"] if found else 0 for name, found in named.items()},
        )

    async def count(self, *, since: float | None, until: float) -> int:
        """How many requests were started in [since, until)."""
        start = -math.inf if since is None else since
        rows = await self._database.fetch(_COUNT, start, until, timeout=self._patience)
        return rows[0]["count"]

    async def latencies(self, whose: Search, *, since: float, until: float) -> tuple[float, float]:
        """Median and 95th percentile of the requests' durations, in seconds; NaN without requests."""
        row = await self._database.fetch(_LATENCIES, *_chosen(whose, since, until), timeout=self._patience)
        return _quantiles(row[0])

    async def checking_cost(self, whose: Search, *, since: float, until: float) -> float:
        """US dollars that checks (audits, verifications …) of the requests started in [since, until) cost."""
        rows = await self._database.fetch(_CHECKS, *_chosen(whose, since, until), timeout=self._patience)
        return rows[0]["cost"]

    async def deployments(self, whose: Search, *, since: float, until: float) -> Sequence[DeploymentTally]:
        """What became of the calls of each deployment, of requests started in [since, until)."""
        rows = await self._database.fetch(_DEPLOYMENTS, *_chosen(whose, since, until), timeout=self._patience)
        return [
            DeploymentTally(
                group=from_text(row["model"]),
                deployment=from_text(row["deployment"]),
                calls=row["calls"],
                failures=row["failures"],
                duration_p50=_quantiles(row)[0],
                duration_p95=_quantiles(row)[1],
                last_failure_at=row["last_failure_at"],
            )
            for row in rows
        ]

    async def reasons(self, route: str, *, since: float, until: float) -> Mapping[tuple[DecisionKind, str], int]:
        """How many requests of a route were decided how and why; the empty reason where there is none."""
        rows = await self._database.fetch(_REASONS, to_text(route), since, until, timeout=self._patience)
        return {(DecisionKind(row["decision"]), row["reason"]): row["n"] for row in rows}

    async def find(self, search: Search, *, since: float, until: float, limit: int) -> Sequence[str]:
        """The ids of requests started in [since, until) that fit: the latest first, or the dearest."""
        order = "cost_usd DESC, request_id" if search.kind == "dear" else "started_at DESC, request_id"
        query = _FIND.format(chosen=_CHOSEN, kind=_KINDS[search.kind], order=order)
        rows = await self._database.fetch(query, *_chosen(search, since, until), limit, timeout=self._patience)
        return [from_text(row["request_id"]) for row in rows]

    async def shifted(self, request_ids: Sequence[str]) -> frozenset[str]:
        """Those of the requests whose thresholds a budget shift loosened."""
        if not request_ids:
            return frozenset()
        stored = {to_text(request_id): request_id for request_id in request_ids}
        rows = await self._database.fetch(_SHIFTED, list(stored), timeout=self._patience)
        return frozenset(stored[row["request_id"]] for row in rows)


def _chosen(whose: Search, since: float, until: float) -> tuple[float, float, str, str]:
    return since, until, to_text(whose.route), to_text(whose.who)


def _tally(row: Row, group: str | None, *, label: str | None = None, started_at: float | None = None) -> RequestTally:
    return RequestTally(
        group=None if group is None else from_text(group),
        label=None if label is None else from_text(label),
        failures=row["failures"],
        decisions={kind: row[kind.value] for kind in DecisionKind if row[kind.value]},
        money=MoneySums(
            n=row["n"],
            cost=row["cost"],
            baseline=row["baseline"],
            cost_squared=row["cost_squared"],
            baseline_squared=row["baseline_squared"],
            product=row["product"],
        ),
        started_at=started_at,
    )


def _quantiles(row: Row) -> tuple[float, float]:
    p50, p95 = row["quantiles"] or (math.nan, math.nan)
    return p50, p95
