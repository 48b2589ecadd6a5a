"""A fair queue: deficit round robin over tenants (Shreedhar and Varghese, SIGCOMM 1995), in bands of priority.

Every tenant with something to do gets `quantum` x weight of work in its turn; what it does not use, because its next
request is larger, it keeps for its next turn. Whoever asks for more therefore waits longer, and nobody waits longer
for it: the work done for two tenants that always wait differs, per weight, by at most one quantum and one request of
each. A band is served only when those before it have nothing that is ready.

Work is estimated when a request comes in; `settle` corrects a tenant's account when it is known (Virtual Token
Counter, Sheng et al., OSDI 2024, does the same). A tenant that goes idle keeps its debts for as long as others wait,
and no credit.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil

_MOST_DEBTORS = 1000
"""Tenants without waiting requests whose debts are remembered."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits."""

    id: str
    tenant: str
    work: float
    """What it will cost to serve, in any unit."""
    deadline: float
    weight: float = 1.0
    band: int = 0
    """0 is served first."""
    limits: frozenset[str] = frozenset()
    """Names of the limits it falls under."""

    def __post_init__(self) -> None:
        if not (self.work > 0 and self.weight > 0):
            raise ValueError("work and weight are above 0")


@dataclass(slots=True)
class _Tenant:
    weight: float
    deficit: float = 0.0
    waiting: deque[Waiting] = field(default_factory=deque[Waiting])


class FairQueue:
    """Requests that wait, by band and tenant. Bounded, so that every operation is too.

    Args:
        quantum: Work that a tenant of weight 1 gets in each turn; about the work of one request.
        most: Requests that may wait.
        most_per_tenant: Of these, of one tenant.
    """

    def __init__(self, *, quantum: float, most: int, most_per_tenant: int) -> None:
        self._quantum = quantum
        self._most = most
        self._most_per_tenant = most_per_tenant
        self._bands: dict[int, OrderedDict[str, _Tenant]] = {}
        """Tenants with something waiting; whose turn it is comes first."""
        self._has_quantum: dict[int, bool] = {}
        """Whether the tenant whose turn it is has been given its quantum."""
        self._places: dict[str, tuple[int, str]] = {}
        self._debts: OrderedDict[tuple[int, str], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._places

    def __iter__(self) -> Iterator[Waiting]:
        for band in sorted(self._bands):
            for tenant in self._bands[band].values():
                yield from tenant.waiting

    def waiting_of(self, tenant: str) -> int:
        """How many requests of a tenant wait."""
        return sum(len(band[tenant].waiting) for band in self._bands.values() if tenant in band)

    def has_room(self, tenant: str) -> bool:
        """Whether one more request of this tenant may wait."""
        return len(self) < self._most and self.waiting_of(tenant) < self._most_per_tenant

    def add(self, waiting: Waiting) -> None:
        """Let a request wait. Raises ValueError where there is no room (ask `has_room`) or the id waits already."""
        if waiting.id in self or not self.has_room(waiting.tenant):
            raise ValueError("no room for this request")
        self._tenant(waiting).waiting.append(waiting)
        self._places[waiting.id] = waiting.band, waiting.tenant

    def put_back(self, waiting: Waiting) -> None:
        """Undo that a request was taken: it waits again, before the others of its tenant."""
        tenant = self._tenant(waiting)
        tenant.waiting.appendleft(waiting)
        tenant.deficit += waiting.work
        self._places[waiting.id] = waiting.band, waiting.tenant

    def remove(self, request_id: str) -> Waiting | None:
        """Take out a request that waits no longer; None when it did not wait."""
        place = self._places.pop(request_id, None)
        if place is None:
            return None
        band, name = place
        tenant = self._bands[band][name]
        waiting = next(one for one in tenant.waiting if one.id == request_id)
        tenant.waiting.remove(waiting)
        self._drop_if_idle(band, name)
        return waiting

    def overdue(self, now: float) -> list[Waiting]:
        """Take out every request whose deadline has passed."""
        late = [waiting for waiting in self if waiting.deadline <= now]
        for waiting in late:
            self.remove(waiting.id)
        return late

    def take(self, is_ready: Callable[[Waiting], bool] = lambda _: True) -> Waiting | None:
        """Take out the request whose turn it is among those that may run; None when none may.

        A tenant of which nothing may run is passed over and gathers no credit meanwhile.
        """
        for band in sorted(self._bands):
            ready = {
                name: first
                for name, tenant in self._bands[band].items()
                if (first := next(filter(is_ready, tenant.waiting), None)) is not None
            }
            if ready:
                return self._take_of(band, ready)
        return None

    def settle(self, tenant: str, difference: float, *, band: int = 0) -> None:
        """Charge a tenant for work beyond what was estimated, or credit it (a negative difference)."""
        tenants = self._bands.get(band)
        held = tenants.get(tenant) if tenants else None
        if held is not None:
            held.deficit -= difference
        elif difference > 0 and self._places:
            self._owe(band, tenant, self._debts.get((band, tenant), 0.0) + difference)

    def work_before(self, waiting: Waiting, *, of: Callable[[Waiting], bool] = lambda _: True) -> float:
        """The work that is served before a request is, its own included, if nothing else comes in.

        While it waits for the requests of its own tenant before it, every other tenant gets as much per weight; of
        bands before its own everything is served. The request may wait already, or be about to.
        """
        own, others, before = 0.0, dict[str, tuple[float, float]](), 0.0
        for one in self:
            if one.id == waiting.id:
                break
            if one.band == waiting.band and one.tenant == waiting.tenant and of(one):
                own += one.work
        own += waiting.work
        for one in self:
            if not of(one) or one.id == waiting.id or (one.band == waiting.band and one.tenant == waiting.tenant):
                continue
            if one.band < waiting.band:
                before += one.work
            elif one.band == waiting.band:
                total, _ = others.get(one.tenant, (0.0, 0.0))
                others[one.tenant] = total + one.work, one.weight
        share = own / waiting.weight
        return before + own + sum(min(total, share * weight) for total, weight in others.values())

    def position_of(self, waiting: Waiting) -> int:
        """About how many requests are served before it, and itself: 1 is next."""
        same_or_before = [one for one in self if one.band <= waiting.band]
        before = sum(one.band < waiting.band for one in same_or_before)
        own = 0
        for one in same_or_before:
            if one.id == waiting.id:
                break
            own += one.tenant == waiting.tenant and one.band == waiting.band
        n_of: dict[str, tuple[int, float]] = {}
        for one in same_or_before:
            if one.band == waiting.band and one.tenant != waiting.tenant:
                n_of[one.tenant] = n_of.get(one.tenant, (0, 0.0))[0] + 1, one.weight
        turns = (own + 1) / waiting.weight
        return 1 + before + own + sum(min(n, int(turns * weight)) for n, weight in n_of.values())

    def _take_of(self, band: int, ready: dict[str, Waiting]) -> Waiting:
        tenants = self._bands[band]
        for _ in range(2):
            for _ in range(len(tenants)):
                name, tenant = next(iter(tenants.items()))
                if name in ready:
                    if not self._has_quantum.get(band):
                        tenant.deficit += self._quantum * tenant.weight
                        self._has_quantum[band] = True
                    if tenant.deficit >= ready[name].work:
                        return self._serve(band, name, ready[name])
                tenants.move_to_end(name)
                self._has_quantum[band] = False
            # Nobody has enough yet: the turns that would pass until somebody has are given at once.
            turns = min(self._turns_needed(tenants[name], waiting) for name, waiting in ready.items())
            for name in ready:
                tenants[name].deficit += (turns - 1) * self._quantum * tenants[name].weight
        # Rounding may leave the first one short by nothing to speak of.
        name = min(ready, key=lambda name: ready[name].work - tenants[name].deficit)
        return self._serve(band, name, ready[name])

    def _turns_needed(self, tenant: _Tenant, waiting: Waiting) -> int:
        return max(1, ceil((waiting.work - tenant.deficit) / (self._quantum * tenant.weight)))

    def _serve(self, band: int, name: str, waiting: Waiting) -> Waiting:
        tenant = self._bands[band][name]
        tenant.deficit -= waiting.work
        tenant.waiting.remove(waiting)
        del self._places[waiting.id]
        self._drop_if_idle(band, name)
        return waiting

    def _tenant(self, waiting: Waiting) -> _Tenant:
        tenants = self._bands.setdefault(waiting.band, OrderedDict())
        tenant = tenants.get(waiting.tenant)
        if tenant is None:
            debt = self._debts.pop((waiting.band, waiting.tenant), 0.0)
            tenant = tenants[waiting.tenant] = _Tenant(waiting.weight, -debt)
        tenant.weight = waiting.weight
        return tenant

    def _drop_if_idle(self, band: int, name: str) -> None:
        tenants = self._bands[band]
        tenant = tenants[name]
        if tenant.waiting:
            return
        if next(iter(tenants)) == name:
            self._has_quantum[band] = False
        del tenants[name]
        if not tenants:
            del self._bands[band]
        if not self._places:
            self._debts.clear()
        elif tenant.deficit < 0:
            self._owe(band, name, -tenant.deficit)

    def _owe(self, band: int, name: str, debt: float) -> None:
        self._debts[band, name] = debt
        self._debts.move_to_end((band, name))
        while len(self._debts) > _MOST_DEBTORS:
            self._debts.popitem(last=False)
