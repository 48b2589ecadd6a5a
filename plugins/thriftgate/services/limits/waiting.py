"""Requests that wait, and the one task that lets them run: in the fair queue's order, as places and tickets come free.

Failure behaviour: a store that is away fails the request whose turn it is, which tells its client so. A client that
left while it was being let in is settled with nothing used.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass

from thriftgate.errors import GatewayError, StoreUnavailableError
from thriftgate.limits.demand import Charge, Demand, Refused, Taken
from thriftgate.limits.queue import FairQueue, Waiting
from thriftgate.patience import listening
from thriftgate.ports import Clock
from thriftgate.services.limits.passes import ClientGoneError
from thriftgate.services.limits.pool import Claim, Pool

_SLOT_POLL = 0.25
"""Seconds until a place that another worker may free is looked at again."""
_MOST_SLEEP = 5.0
_TURNS_AT_ONCE = 8
_TAKE_PATIENCE = 10.0
"""Seconds; the stores give up long before."""
_NOT_CHECKED = "the limits cannot be checked at the moment"
Pause = Callable[[asyncio.Event, float], Awaitable[None]]
"""Returns when the event is set, or after so many seconds."""
Take = Callable[[Demand], Awaitable[tuple[Taken | Refused, Demand | None]]]


async def pause_in_loop(event: asyncio.Event, seconds: float) -> None:
    """By the running event loop's clock."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


@dataclass(frozen=True, slots=True)
class Granted:
    """What a request was given: the store's verdict, its demand where this worker granted it alone, and its claim."""

    taken: Taken
    own: Demand | None
    claim: Claim


@dataclass(slots=True)
class _Place:
    waiting: Waiting
    demand: Demand
    pool: Pool
    turn: asyncio.Future[Granted]
    is_ahead: bool
    """It is let in before there is a place for it."""
    refused_by: str = ""
    """The limit that held less than it needs when its turn came last."""


class WaitingRoom:
    """The queue of one worker. For one event loop.

    Args:
        queue: Decides whose turn it is.
        take: Asks for the tickets of a request whose turn it is.
        give_back: Called with what was granted to a client that had left meanwhile.
        clock: What deadlines are in (monotonic).
        pause: Waits by the same clock.
    """

    def __init__(
        self,
        queue: FairQueue,
        *,
        take: Take,
        give_back: Callable[[Demand, Granted], None],
        clock: Clock,
        pause: Pause = pause_in_loop,
    ) -> None:
        self._queue = queue
        self._take = take
        self._give_back = give_back
        self._clock = clock
        self._pause = pause
        self._places: dict[str, _Place] = {}
        self._held: dict[str, float] = {}
        """Limits that were found exhausted, and until when nobody who needs them is let in."""
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def queue(self) -> FairQueue:
        """The queue, to be asked; changed only here."""
        return self._queue

    def by_pool(self) -> Counter[str]:
        """How many wait for each route or model."""
        return Counter(place.pool.name for place in self._places.values())

    def belongs_to(self, waiting: Waiting, pool: Pool) -> bool:
        """Whether a request that waits is one to this route or model."""
        place = self._places.get(waiting.id)
        return place is None or place.pool is pool

    def held_for(self, demand: Demand) -> float:
        """Seconds for which a limit of the demand is known to be exhausted; 0 when none is."""
        return max((self._held_seconds(name) for name in demand.names), default=0.0)

    def exhausted(self, demand: Demand) -> str | None:
        """The limit that holds the demand back the longest; None when none does."""
        name = max(demand.names, key=self._held_seconds, default=None)
        return name if name is not None and self._held_seconds(name) > 0 else None

    def until_tickets(self, waiting: Waiting, demand: Demand) -> float:
        """About how long it takes until it is this request's turn at every exhausted limit of its own."""
        return max((self._until_tickets(waiting, charge) for charge in demand.charges), default=0.0)

    def _until_tickets(self, waiting: Waiting, charge: Charge) -> float:
        held = self._held_seconds(charge.name)
        if held <= 0:
            return 0.0
        before = {
            one.id: other.n
            for one in self._queue
            if one.id != waiting.id
            for other in self._places[one.id].demand.charges
            if other.name == charge.name
        }
        works = sum(one.work for one in self._queue if one.id in before)
        if not works:
            return held
        share = (self._queue.work_before(waiting, of=lambda one: one.id in before) - waiting.work) / works
        return held + min(1.0, share) * sum(before.values()) / charge.bucket.refill_per_second

    def _held_seconds(self, name: str) -> float:
        until = self._held.get(name)
        return 0.0 if until is None else max(0.0, until - self._clock.monotonic())

    def must_wait(self, waiting: Waiting, demand: Demand, pool: Pool, *, ahead: bool) -> bool:
        """Whether a new request would overtake somebody if it ran now."""
        if not pool.has_room(ahead=ahead) or self.held_for(demand) > 0:
            return True
        return any(
            one.band <= waiting.band and self._places[one.id].pool is pool and self._is_ready(one)
            for one in self._queue
        )

    def hold(self, verdict: Refused) -> None:
        """Let nobody in who needs this limit until it may have what was asked."""
        pause = _SLOT_POLL if verdict.retry_after is None else verdict.retry_after
        self._held[verdict.limit] = max(self._held.get(verdict.limit, 0.0), self._clock.monotonic() + pause)

    def release(self, demand: Demand) -> None:
        """Something of these limits came back: whoever waits for them may look again."""
        for name in demand.names:
            self._held.pop(name, None)
        self.wake()

    def wake(self) -> None:
        """A place may be free."""
        if not self._places:
            return
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._let_in(), name="thriftgate:limits_queue", context=Context())

    def enter(self, waiting: Waiting, demand: Demand, pool: Pool, *, ahead: bool) -> asyncio.Future[Granted]:
        """Wait for one's turn. The future fails with TimeoutError at the deadline; cancel it, and `leave`, to go."""
        turn: asyncio.Future[Granted] = asyncio.get_running_loop().create_future()
        self._queue.add(waiting)
        self._places[waiting.id] = _Place(waiting, demand, pool, turn, ahead)
        self.wake()
        return turn

    def leave(self, request_id: str) -> None:
        """Wait no longer; again changes nothing."""
        self._queue.remove(request_id)
        self._places.pop(request_id, None)

    def close(self) -> None:
        """Let nobody in any more: whoever waits is told to come back."""
        for place in tuple(self._places.values()):
            self.leave(place.waiting.id)
            if not place.turn.done() and not place.turn.get_loop().is_closed():
                place.turn.set_exception(TimeoutError())
        if self._task is not None and not self._task.get_loop().is_closed():
            self._task.cancel()

    def _is_ready(self, waiting: Waiting) -> bool:
        place = self._places[waiting.id]
        return place.pool.has_room(ahead=place.is_ahead) and self.held_for(place.demand) <= 0

    async def _let_in(self) -> None:
        """Until nobody waits."""
        while self._places:
            self._news.clear()
            self._send_away_the_late()
            turns = self._turns()
            if not turns:
                await self._pause(self._news, self._until_something_changes())
                continue
            are_done = await asyncio.gather(*(self._try(place, claim) for place, claim in turns))
            for (place, _), is_done in reversed(tuple(zip(turns, are_done, strict=True))):
                if not is_done and place.waiting.id in self._places:
                    self._queue.put_back(place.waiting)

    def _turns(self) -> list[tuple[_Place, Claim]]:
        """Whose turn it is, each with room in its pool.

        Several are asked for at once, since one round trip each would serve few on a busy loop. But where a limit has
        refused somebody who still waits, one after the other is: a smaller request could take again and again what a
        larger one waits for.
        """
        turns = list[tuple[_Place, Claim]]()
        scarce = {place.refused_by for place in self._places.values()}
        while len(turns) < _TURNS_AT_ONCE and (waiting := self._queue.take(self._is_ready)) is not None:
            place = self._places[waiting.id]
            turns.append((place, place.pool.begin(waiting.tenant, ahead=place.is_ahead)))
            if not scarce.isdisjoint(waiting.limits):
                break
        return turns

    async def _try(self, place: _Place, claim: Claim) -> bool:
        """Whether it needs no further turn."""
        waiting = place.waiting
        try:
            # Everybody waits for this: a store that never answers must not close the queue for good.
            async with listening(_TAKE_PATIENCE):
                verdict, own = await self._take(place.demand)
        except Exception as error:
            place.pool.end(claim)
            self._places.pop(waiting.id, None)
            if not place.turn.done():
                known = isinstance(error, GatewayError)
                place.turn.set_exception(error if known else StoreUnavailableError(_NOT_CHECKED))
            return True
        if isinstance(verdict, Refused):
            place.pool.end(claim)
            self.hold(verdict)
            place.refused_by = verdict.limit
            return False
        has_left = self._places.pop(waiting.id, None) is None
        if has_left or place.turn.done():
            place.pool.end(claim)
            self._give_back(place.demand, Granted(verdict, own, claim))
        else:
            place.turn.set_result(Granted(verdict, own, claim))
        return True

    def _send_away_the_late(self) -> None:
        for waiting in self._queue.overdue(self._clock.monotonic()):
            place = self._places.pop(waiting.id)
            if not place.turn.done():
                place.turn.set_exception(TimeoutError())

    def _until_something_changes(self) -> float:
        now = self._clock.monotonic()
        self._held = {name: until for name, until in self._held.items() if until > now}
        moments = [*self._held.values(), *(one.deadline for one in self._queue), now + _MOST_SLEEP]
        return max(0.001, min(moments) - now)


async def first_of(turn: asyncio.Future[Granted], gone: Callable[[], Awaitable[object]] | None) -> Granted:
    """One's turn, unless the client goes away before. Raises what the turn does, and ClientGoneError."""
    if gone is None:
        return await turn
    leaving = asyncio.ensure_future(gone())
    try:
        await asyncio.wait({turn, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not turn.done():
            raise ClientGoneError
        return turn.result()
    finally:
        leaving.cancel()
