"""When a request would be served, by what waits before it and how fast requests have been served; how loaded we are.

Failure behaviour: pure arithmetic; what is not known yet counts as no wait.
"""

from thriftgate.limits.admission import Admit, TurnAway, admit
from thriftgate.limits.demand import Demand, Refused
from thriftgate.limits.queue import Waiting
from thriftgate.services.limits.passes import RETRY_UNKNOWN, QueuePlace
from thriftgate.services.limits.pool import Pool
from thriftgate.services.limits.waiting import WaitingRoom


class Forecast:
    """What the queue of one worker means for a request."""

    def __init__(self, room: WaitingRoom) -> None:
        self._room = room

    def decision(self, waiting: Waiting, pool: Pool, until_tickets: float, patience: float) -> Admit | TurnAway:
        """Whether it can be served within `patience` seconds."""
        return admit(
            work_before=self._work_before(waiting, pool),
            own_work=waiting.work,
            rate=pool.work_per_second,
            until_tickets=until_tickets,
            patience=patience,
        )

    def place(self, waiting: Waiting, pool: Pool, demand: Demand, verdict: Refused | None) -> QueuePlace:
        """Where it stands, or would stand; `verdict`: what the store has just said of it."""
        rate = pool.work_per_second
        before = max(0.0, self._work_before(waiting, pool) - waiting.work)
        in_line = before / rate if rate else 0.0
        until_tickets = self._room.until_tickets(waiting, demand)
        if verdict is not None and verdict.retry_after is not None:
            until_tickets = max(until_tickets, verdict.retry_after)
        return QueuePlace(self._room.queue.position_of(waiting), max(in_line, until_tickets))

    def _work_before(self, waiting: Waiting, pool: Pool) -> float:
        return self._room.queue.work_before(waiting, of=lambda one: self._room.belongs_to(one, pool))


def turnaround(pool: Pool) -> float:
    """Seconds until about the next place is free."""
    duration = pool.rate.duration
    return max(RETRY_UNKNOWN, duration / max(1, pool.places or 1)) if duration else RETRY_UNKNOWN


def load_of(pool: Pool, room: WaitingRoom, *, max_wait: float | None, crowded_out: float) -> float:
    """How loaded a route or model is: 1 where its requests begin to come too late.

    The share of its patience that the last request of a tenant waits, in the mean over all that are at work.

    Tenants count alike, so that one who asks for more than a share of everything does not degrade the others.
    Without a queue, or where no wait is known, it is the share of requests refused for want of a place, and half of it
    where every place is taken.
    """
    if pool.places is None:
        return 0.0
    rate = pool.work_per_second
    if max_wait is None or not rate:
        return max(crowded_out, 0.0 if pool.has_room(ahead=False) else 0.5)
    queue = room.queue
    last = {one.tenant: one for one in queue if room.belongs_to(one, pool) and not pool.has_room(ahead=False)}
    waits = [queue.work_before(one, of=lambda each: room.belongs_to(each, pool)) / rate for one in last.values()]
    n_tenants = len(pool.running.keys() | last.keys())
    mean = sum(waits) / n_tenants if n_tenants else 0.0
    return max(mean / max_wait, crowded_out if len(last) == n_tenants else 0.0)
