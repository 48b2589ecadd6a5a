"""What this worker has to do without: since when, why, and what that cost so far; in words.

Failure behaviour: pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from thriftgate.errors import CAUSES
from thriftgate.services.books.recording import OUTAGE as LEDGER_OUTAGE
from thriftgate.services.cache.service import ROOM as CACHE_ROOM
from thriftgate.services.identity.authentication import OUTAGE as KEYS_OUTAGE
from thriftgate.services.identity.budgets import OUTAGE as BUDGETS_OUTAGE
from thriftgate.services.limits.outage import OUTAGE as LIMITS_OUTAGE
from thriftgate.services.request.outages import Outage
from thriftgate.services.telemetry.exporting import ExportQueueState
from thriftgate.services.telemetry.state import WorkQueue

LANGFUSE = "Langfuse"


@dataclass(frozen=True, slots=True)
class AwayLine:
    """One thing that is away, or was."""

    name: str
    since: float | None
    """Unix time; None where it is back."""
    why: str
    cost: str
    """What came of it, in words."""


def away_lines(
    outages: Mapping[str, Outage], *, ledger: WorkQueue, budgets: WorkQueue, queues: Mapping[str, ExportQueueState]
) -> list[AwayLine]:
    """Of what requests need, of the ledger and the budgets (what waits and was lost), and of the queues to Langfuse."""
    return [*_of_requests(outages, ledger, budgets), *_of_langfuse(queues)]


def _of_requests(outages: Mapping[str, Outage], ledger: WorkQueue, budgets: WorkQueue) -> Iterator[AwayLine]:
    for name, found in outages.items():
        if found.cause is None:
            continue
        if name == LEDGER_OUTAGE:
            lost = f"{ledger.waiting:,} records wait for it, {ledger.dropped:,} were lost"
            cost = f"{lost}; requests are answered all the same"
        elif name == BUDGETS_OUTAGE:
            lost = f"{budgets.waiting:,} costs wait to be booked, {budgets.dropped:,} were lost"
            cost = f"{_refused(found)}; {lost}"
        elif name == KEYS_OUTAGE:
            cost = f"{_refused(found)}: nobody could say whose key it was"
        elif name == LIMITS_OUTAGE:
            cost = f"{_refused(found)}, or let in by what one worker knows (`limits.on_outage`)"
        elif name == CACHE_ROOM:
            cost = f"of {_counted(found.requests)} the answer was not kept; those that are there are given again"
        else:
            cost = f"{_counted(found.requests)} went on without it"
        yield AwayLine(name, found.since, CAUSES[found.cause], cost)


def _of_langfuse(queues: Mapping[str, ExportQueueState]) -> Iterator[AwayLine]:
    # One failed try alone is no outage.
    stuck = [one for one in queues.values() if one.failures > 1 and one.away_since is not None]
    if stuck:
        cost = ", ".join(
            f"{one.waiting:,} {name} wait and {one.dropped + one.refused:,} were lost" for name, one in queues.items()
        )
        since = min(one.away_since for one in stuck if one.away_since is not None)
        yield AwayLine(LANGFUSE, since, f"it {stuck[0].last_error}", f"{cost}; the ledger has them all")


def _refused(found: Outage) -> str:
    return f"{_counted(found.requests)} {'was' if found.requests == 1 else 'were'} refused"


def _counted(requests: int) -> str:
    return "1 request" if requests == 1 else f"{requests:,} requests"
