"""Limits with memory, in one process: the model that the stores are held to, and what stands in when they are away."""

from collections import defaultdict
from dataclasses import dataclass

from thriftgate.limits.bucket import BucketState, Deny, Grant, TokenBucket
from thriftgate.limits.demand import Charge, Demand, Refused, Settlement, Taken

FORGET_AFTER = 60.0
"""Seconds after which a full bucket is forgotten; so long it is kept, should the clock go back a little."""


@dataclass(slots=True)
class _Open:
    demand: Demand
    ends_at: float


class LimitTable:
    """Every bucket, slot and open reservation. The caller says what time it is.

    A reservation that is neither settled nor renewed within its lease is given back by `sweep`: its owner has died.
    """

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[TokenBucket, BucketState]] = {}
        self._slots: defaultdict[str, dict[str, float]] = defaultdict(dict)
        """When the lease of each one that runs ends, by slot and reservation."""
        self._open: dict[str, _Open] = {}

    def take(self, demand: Demand, *, lease: float, now: float) -> Taken | Refused:
        """Take everything that is demanded, or nothing."""
        taken = [
            charge.bucket.take(charge.n, now=now, state=self._state(charge.name)) for charge in demand.charges
        ]  # fmt: skip
        denied = [
            (verdict.retry_after, charge.name)
            for charge, (verdict, _) in zip(demand.charges, taken, strict=True)
            if isinstance(verdict, Deny)
        ]
        running = [self._running(slot.name, now) for slot in demand.slots]
        full = [slot.name for slot, n in zip(demand.slots, running, strict=True) if n >= slot.most]
        if denied or full:
            remaining = tuple(charge.bucket.at(now, self._state(charge.name)).tickets for charge in demand.charges)
            if denied:
                retry_after, limit = max(denied, key=lambda one: one[0])
                return Refused(limit, retry_after, remaining)
            return Refused(full[0], None, remaining)
        for charge, (_, state) in zip(demand.charges, taken, strict=True):
            self._buckets[charge.name] = charge.bucket, state
        for slot in demand.slots:
            self._slots[slot.name][demand.id] = now + lease
        self._open[demand.id] = _Open(demand, now + lease)
        granted = tuple(verdict.remaining for verdict, _ in taken if isinstance(verdict, Grant))
        return Taken(granted, tuple(n + 1 for n in running))

    def settle(self, settlement: Settlement, *, now: float) -> None:
        """Give back what was not used, or take the difference; of a reservation that was swept, all that was used."""
        demand = settlement.demand
        is_open = self._open.pop(demand.id, None) is not None
        for slot in demand.slots:
            self._slots[slot.name].pop(demand.id, None)
        for charge, used in zip(demand.charges, settlement.used, strict=True):
            self._settle(charge, used - charge.n if is_open else used, now)

    def renew(self, demands: tuple[Demand, ...], *, lease: float, now: float) -> None:
        """Prolong reservations whose owner is still at work; a lease that has ended stays so."""
        for demand in demands:
            held = self._open.get(demand.id)
            if held is not None and held.ends_at > now:
                held.ends_at = now + lease
                for slot in demand.slots:
                    if demand.id in self._slots[slot.name]:
                        self._slots[slot.name][demand.id] = now + lease

    def sweep(self, *, now: float) -> int:
        """Give back the reservations of owners that have died; returns how many there were."""
        over = [one.demand for one in self._open.values() if one.ends_at <= now]
        for demand in over:
            del self._open[demand.id]
            for slot in demand.slots:
                self._slots[slot.name].pop(demand.id, None)
            for charge in demand.charges:
                self._settle(charge, -charge.n, now)
        self._forget_full(now)
        return len(over)

    def __len__(self) -> int:
        """How many buckets are remembered: those that are not full."""
        return len(self._buckets)

    def _state(self, name: str) -> BucketState | None:
        held = self._buckets.get(name)
        return held[1] if held else None

    def _running(self, slot: str, now: float) -> int:
        """How many run; who is over is forgotten for good, so that a clock that goes back brings nobody back."""
        held = self._slots[slot]
        for one in [one for one, ends_at in held.items() if ends_at <= now]:
            del held[one]
        return len(held)

    def _settle(self, charge: Charge, difference: float, now: float) -> None:
        state = charge.bucket.settle(difference, now=now, state=self._state(charge.name))
        self._buckets[charge.name] = charge.bucket, state

    def _forget_full(self, now: float) -> None:
        for name, (bucket, state) in list(self._buckets.items()):
            if state.at + bucket.full_after(state.tickets) < now - FORGET_AFTER:
                del self._buckets[name]
        for name in [name for name, running in self._slots.items() if not running]:
            del self._slots[name]
