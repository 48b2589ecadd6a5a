"""How loaded a route or model is: 1 where its requests begin to come too late."""

from thriftgate.services.limits.pool import Pool
from thriftgate.services.limits.waiting import WaitingRoom


def load_of(pool: Pool, room: WaitingRoom, *, max_wait: float | None, crowded_out: float) -> float:
    """The share of its patience that the last request of a tenant waits, in the mean over all that are at work.

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
