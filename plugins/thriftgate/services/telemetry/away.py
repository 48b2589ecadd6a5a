"""What this worker has to do without: since when, why, and what that cost so far; in words.

Failure behaviour: pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from thriftgate.errors import CAUSES
from thriftgate.services.books.recording import OUTAGE as LEDGER_OUTAGE
from thriftgate.services.limits.outage import OUTAGE as LIMITS_OUTAGE
from thriftgate.services.request.outages import Outage
from thriftgate.services.telemetry.exporting import ExportQueueState

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
    outages: Mapping[str, Outage], *, waiting: int, dropped: int, queues: Mapping[str, ExportQueueState]
) -> list[AwayLine]:
    """Of requests' own outages, of the ledger (records that wait and were lost) and of the queues to Langfuse."""
    return [*_of_requests(outages, waiting, dropped), *_of_langfuse(queues)]


def _of_requests(outages: Mapping[str, Outage], waiting: int, dropped: int) -> Iterator[AwayLine]:
    for name, found in outages.items():
        if found.cause is None:
            continue
        if name == LEDGER_OUTAGE:
            cost = f"{waiting:,} records wait for it, {dropped:,} were lost; requests are answered all the same"
        elif name == LIMITS_OUTAGE:
            were = "was" if found.requests == 1 else "were"
            cost = f"{_counted(found.requests)} {were} refused, or let in by what one worker knows (`limits.on_outage`)"
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


def _counted(requests: int) -> str:
    return "1 request" if requests == 1 else f"{requests:,} requests"
