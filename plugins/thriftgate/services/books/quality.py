"""What was given up for the savings, by route: how it stands against its promises, and beside a control group.

Failure behaviour: raises what the ledger raises (StoreUnavailableError).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from thriftgate.decisions import DecisionKind, Reason
from thriftgate.ports import Ledger
from thriftgate.services.books.standing import (
    FROM_MODELS,
    NOT_PROVEN,
    RoutePromise,
    RouteStanding,
    is_within,
    standing_of,
)
from thriftgate.stats.intervals import Interval, bootstrap_interval
from thriftgate.types import Audit, RequestRecord

FEWEST_UNITS = 20
"""With fewer users (or sessions, or keys) on either side the control group is not compared."""

_SEEN_BEFORE = frozenset({Reason.POOR_OUTLOOK, Reason.GOOD_OUTLOOK, Reason.NO_OUTLOOK, Reason.UNFAMILIAR})
"""Reasons of requests whose question decided where they went: each could have been held out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The requests that always went to the strongest tier, beside comparable ones that did not."""

    requests: int
    units: int
    """Users, else sessions, else keys: whoever stays on one side."""
    cost_per_request: float
    """US dollars; NaN without requests."""
    rest_requests: int
    rest_units: int
    rest_cost_per_request: float
    saved_share: Interval | None
    """What the rest cost less per request; None where either side has too few units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteQuality(RouteStanding):
    """What is known of the answers of one route."""

    checking_cost_usd: float
    """What audits, verifications and the guards' judge themselves cost; not part of what requests cost."""
    saved_usd: float
    """Net of what checking cost."""
    control: Control
    shifted: int = 0
    """Requests whose thresholds a budget shift loosened."""


PAST_ROUTES = frozenset({Reason.PLAIN_MODEL, Reason.HEALTH_CHECK})
"""Reasons of calls that no route made."""


async def make_quality(
    ledger: Ledger,
    promises: Mapping[str, RoutePromise],
    rng: np.random.Generator,
    *,
    since: float | None,
    until: float | None = None,
) -> list[RouteQuality]:
    """The quality of every route that was asked something in [since, until), in the order of their names.

    Reads every request of that time. Routes of `promises` without requests are left out, and so is what went past every
    route, to which nothing was promised.
    """
    records: defaultdict[str, list[RequestRecord]] = defaultdict(list)
    async for record in ledger.records(since=since, until=until):
        if record.reason not in PAST_ROUTES:
            records[record.route].append(record)
    audits: defaultdict[str, list[Audit]] = defaultdict(list)
    for audit in await ledger.audits(since=since):
        if is_within(audit, since, until):
            audits[audit.route].append(audit)
    # The database adds these up: a guards' judge may be asked by every request.
    sums = await ledger.summarise("route", since=since, until=until)
    costs = {row.group: row.checking_cost_usd or 0.0 for row in sums}
    return [
        quality_of(
            name, found, audits[name], promises.get(name, RoutePromise()), rng, checking_cost_usd=costs.get(name, 0.0)
        )
        for name, found in sorted(records.items())
    ]


def quality_of(
    route: str,
    records: Sequence[RequestRecord],
    audits: Sequence[Audit],
    promise: RoutePromise,
    rng: np.random.Generator,
    *,
    checking_cost_usd: float,
) -> RouteQuality:
    """The quality of one route by its requests and verdicts, both oldest first."""
    start = promise.calibrated_at or 0.0
    shifted = {record.request_id for record in records if Reason.known(record.reason) is Reason.BUDGET_SHIFT}
    standing = standing_of(
        route,
        promise,
        audits,
        decided=Counter((record.decision, record.reason or "") for record in records),
        current=Counter((record.decision, record.reason or "") for record in records if record.started_at >= start),
        shifted=frozenset(shifted),
    )
    return RouteQuality(
        **{one.name: getattr(standing, one.name) for one in fields(standing)},
        checking_cost_usd=checking_cost_usd,
        saved_usd=sum(record.saved_usd for record in records) - checking_cost_usd,
        control=control_of(records, rng),
        shifted=len(shifted),
    )


def control_of(records: Sequence[RequestRecord], rng: np.random.Generator) -> Control:
    """Held-out requests beside those that would have been held out had their user been drawn.

    Hits, tool turns and requests without a proof never had the choice, so they stand on neither side. The interval
    is a bootstrap over users, not requests: one user's requests resemble each other, and all fall on one side.
    """
    held, rest = _by_unit(records, is_held_out=True), _by_unit(records, is_held_out=False)
    enough = min(len(held), len(rest)) >= FEWEST_UNITS and held[:, 0].sum() > 0
    return Control(
        requests=int(held[:, 1].sum()),
        units=len(held),
        cost_per_request=_mean_cost(held),
        rest_requests=int(rest[:, 1].sum()),
        rest_units=len(rest),
        rest_cost_per_request=_mean_cost(rest),
        saved_share=_saved_share(held, rest, rng) if enough else None,
    )


def _saved_share(held: npt.NDArray[np.float64], rest: npt.NDArray[np.float64], rng: np.random.Generator) -> Interval:
    sides = np.concatenate([np.ones(len(held)), np.zeros(len(rest))])
    rows = np.column_stack([sides, np.concatenate([held, rest])])

    def saved(drawn: npt.NDArray[np.float64]) -> float:
        is_held = drawn[:, 0] == 1
        reference = _mean_cost(drawn[is_held, 1:])
        return 1 - _mean_cost(drawn[~is_held, 1:]) / reference if reference > 0 else np.nan

    return bootstrap_interval(rows, saved, rng)


def _by_unit(records: Sequence[RequestRecord], *, is_held_out: bool) -> npt.NDArray[np.float64]:
    """Cost and number of requests of each unit of one side: shape (units, 2)."""
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for record in records:
        if _side(record) is is_held_out:
            caller = record.caller
            unit = sums[caller.person or caller.session_id or caller.key_hash or record.request_id]
            unit[0] += record.cost_usd
            unit[1] += 1
    return np.array(list(sums.values()), dtype=np.float64).reshape(-1, 2)


def _side(record: RequestRecord) -> bool | None:
    """True: held out; False: it could have been; None: it never had the choice, or failed."""
    if record.decision not in FROM_MODELS or record.reason in NOT_PROVEN:
        return None
    if Reason.known(record.reason) is Reason.HELD_OUT:
        return True
    went_through = record.decision in (DecisionKind.ACCEPTED, DecisionKind.ESCALATED)
    return False if went_through or record.reason in _SEEN_BEFORE else None


def _mean_cost(units: npt.NDArray[np.float64]) -> float:
    return float(units[:, 0].sum() / units[:, 1].sum()) if len(units) else float("nan")
