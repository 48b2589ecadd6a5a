"""Whether a request may run: its tickets first, then its turn in the queue, then a place; and what it used in the end.

    admit ─ a step of the ladder sheds it? ─ tickets and a place? ──────────▶ Pass ─▶ run ─▶ settle
                                              └ no ─ in time? ─▶ wait ─turn─┘
                                                      └ no ─▶ refused, with when to come back

Failure behaviour: RateLimitExceededError (429) when a limit of the caller is used up, OverloadedError (503) when there
is no place, InvalidRequestError (400) for more tokens than a limit ever holds, StoreUnavailableError (503) while the
store is away (see `outage.py`). Whatever happens to a request that was let in, `settle` is called once. In `shadow`
nothing is refused, nothing waits, and a store that is away lets everybody in.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from thriftgate.config.sections.limits import LimitsConfig, TierPriorityConfig
from thriftgate.errors import GatewayError, StoreUnavailableError
from thriftgate.limits.admission import Admit
from thriftgate.limits.demand import Demand, Refused, Settlement, Taken
from thriftgate.limits.estimate import TokenEstimate
from thriftgate.limits.headers import LimitStanding
from thriftgate.limits.ladder import LadderStep, move
from thriftgate.limits.preparing import until_due
from thriftgate.limits.queue import FairQueue, Waiting
from thriftgate.ports import Clock, Limiter
from thriftgate.services.limits.figures import LADDER, PLACES, QUEUE, STORE, LimitFigures
from thriftgate.services.limits.forecast import Forecast, load_of, turnaround
from thriftgate.services.limits.outage import OutageLimiter
from thriftgate.services.limits.passes import (
    RETRY_UNKNOWN,
    LimitRefusal,
    Pass,
    QueuePlace,
    RefusedError,
    is_own,
    shed_error,
    too_large_error,
    too_many_error,
)
from thriftgate.services.limits.pool import Pools, ladder_policy
from thriftgate.services.limits.refused_again import RefusedAgain
from thriftgate.services.limits.rules import Arrival, Rules, request_too_large, standings
from thriftgate.services.limits.settling import Settler
from thriftgate.services.limits.waiting import Granted, Pause, WaitingRoom, first_of, pause_in_loop
from thriftgate.services.limits.working import Working
from thriftgate.services.request.outages import Outages
from thriftgate.services.telemetry.metrics import Samples

_QUANTUM = 100.0
"""Work of a turn, small beside that of a request: the smaller, the fairer, and turns that serve nobody cost nothing."""


class Admission:
    """The limits of one worker."""

    def __init__(
        self,
        config: LimitsConfig,
        limiter: Limiter,
        *,
        clock: Clock,
        samples: Samples,
        pause: Pause = pause_in_loop,
        outages: Outages | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self.figures = LimitFigures(samples)
        self._rules = Rules(config)
        self.pools = Pools(config)
        self._limiter = limiter
        fraction = config.fraction if config.on_outage == "fraction" else None
        self._store = OutageLimiter(
            limiter, fraction=fraction, lease=config.lease, time=clock.time, outages=outages or Outages(clock)
        )
        self.settler = Settler(limiter, lease=config.lease)
        queue = config.queue
        self._room = WaitingRoom(
            FairQueue(
                quantum=_QUANTUM,
                most=queue.most if queue else 1,
                most_per_tenant=queue.most_per_tenant if queue else 1,
            ),
            take=self._store.take,
            give_back=self._give_back,
            clock=clock,
            pause=pause,
        )
        self.working = Working(clock, self.figures, wake=self._room.wake)
        self._forecast = Forecast(self._room)
        self._ladder = ladder_policy(config)
        self._arrived: Counter[str] = Counter()
        self._crowded_out: Counter[str] = Counter()
        """Requests to each pool since the last look, and of these the ones refused for want of a place."""
        self.again = RefusedAgain(
            clock,
            self.figures,
            would_refuse=self._would_refuse,
            arrived=self._arrived,
            crowded_out=self._crowded_out,
        )

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._room)

    def steps_of(self, model: str) -> frozenset[LadderStep]:
        """What a route has given up for now; never anything in shadow."""
        return frozenset() if self._config.shadow else self.pools.of(model).steps(self._ladder)

    def load_steps(self) -> Mapping[str, Sequence[LadderStep]]:
        """Every route and model that has given something up for now, and what, in the order it was given up."""
        policy = self._ladder
        if policy is None or self._config.shadow:
            return {}
        return {pool.name: policy.steps[: pool.ladder.height] for pool in self.pools if pool.ladder.height}

    async def admit(
        self,
        arrival: Arrival,
        *,
        gone: Callable[[], Awaitable[object]] | None = None,
        on_wait: Callable[[Callable[[], QueuePlace]], None] = lambda _: None,
    ) -> Pass:
        """Let a request run, at once or when it is its turn.

        Args:
            arrival: What is known of it.
            gone: Makes something that ends when the client has gone away; asked only of a request that waits.
            on_wait: Called when the request begins to wait, with a way to ask for its place.

        Raises RefusedError, and ClientGoneError.
        """
        passed, tier = self._passed(arrival)
        pool, demand = passed.pool, passed.demand
        self._arrived[pool.name] += 1
        if self._config.shadow:
            return await self._shadowed(passed)
        if _is_shed(passed, tier):
            raise self._refused(LADDER, shed_error(self._descent()))
        if (charge := request_too_large(demand)) is not None:
            raise self._refused(charge.name, too_large_error(charge))
        waiting = self._waiting(passed, tier.weight)
        if passed.patience <= 0 or not self._room.must_wait(waiting, demand, pool, ahead=passed.is_ahead):
            verdict = await self._at_once(passed)
            if verdict is None:
                return passed
        else:
            verdict = None
        return await self._wait(passed, waiting, verdict, gone, on_wait)

    def _passed(self, arrival: Arrival) -> tuple[Pass, TierPriorityConfig]:
        pool = self.pools.of(arrival.model)
        estimate = pool.experience.expect(
            arrival.prompt_bytes, max_completion=arrival.max_completion, choices=arrival.choices
        )
        demand = self._rules.demand(arrival, estimate.total)
        tier = self._rules.tier(arrival.asker)
        patience = self._patience(tier.max_wait)
        passed = Pass(
            arrival=arrival,
            demand=demand,
            pool=pool,
            tenant=self._rules.tenant(arrival.asker),
            band=int(tier.deferrable),
            estimate=estimate,
            likely=pool.experience.likely(
                arrival.prompt_bytes, max_completion=arrival.max_completion, choices=arrival.choices
            ),
            started_at=self._clock.monotonic(),
            patience=patience,
            queue_patience=until_due(patience, pool.approach.mean),
            is_ahead=arrival.is_prepared and patience > 0 and not self._config.shadow,
            steps=self.steps_of(arrival.model),
        )
        return passed, tier

    def _would_refuse(self, arrival: Arrival) -> bool:
        """Whether such a request is refused now, as far as that is known without asking the store."""
        passed, tier = self._passed(arrival)
        if _is_shed(passed, tier):
            return True
        waiting = self._waiting(passed, tier.weight)
        must_wait = self._room.must_wait(waiting, passed.demand, passed.pool, ahead=passed.is_ahead)
        if self._config.shadow or passed.patience <= 0 or not must_wait:
            return False
        until_tickets = self._room.until_tickets(waiting, passed.demand)
        decision = self._forecast.decision(waiting, passed.pool, until_tickets, passed.queue_patience)
        return not isinstance(decision, Admit) or not self._room.queue.has_room(waiting.tenant)

    def settle(
        self, passed: Pass, *, spent: TokenEstimate | None, is_overload: bool = False, is_failed: bool = False
    ) -> None:
        """The request has ended; again changes nothing.

        Args:
            passed: What let it in.
            spent: The LLM tokens it used; None when nobody knows: then as many as were estimated.
            is_overload: It was refused by its model because too much ran, or took too long.
            is_failed: It failed, and says nothing about how long requests take.
        """
        if passed.is_settled:
            return
        passed.is_settled = True
        self.working.settle(passed, spent=spent, is_overload=is_overload, is_failed=is_failed)
        if passed.place is not None and spent is not None:
            self._room.queue.settle(passed.tenant, spent.work - passed.likely.work, band=passed.band)
        self._end(passed.demand, passed.own, (spent or passed.estimate).total, holds_tickets=passed.holds_tickets)
        self._room.wake()

    async def renew(self) -> None:
        """Prolong what is under way; about three times in a lease. Raises StoreUnavailableError."""
        await self.settler.renew()

    async def sweep(self) -> None:
        """Give back what the dead had reserved; about once a second. Raises StoreUnavailableError."""
        await self._limiter.sweep()

    async def look(self) -> None:
        """Move the ladders by the load, and say how it stands; about once a second."""
        now, queue = self._clock.monotonic(), self._config.queue
        if self._ladder is not None:
            for pool in self.pools:
                n = self._arrived[pool.name]
                crowded_out = self._crowded_out[pool.name] / n if n else 0.0
                load = load_of(pool, self._room, max_wait=queue.max_wait if queue else None, crowded_out=crowded_out)
                before, pool.ladder = pool.ladder, move(self._ladder, pool.ladder, load=load, now=now)
                if before.height != pool.ladder.height:
                    self.figures.moved(pool.name, self._ladder, pool.ladder)
        self._arrived.clear()
        self._crowded_out.clear()
        self.figures.put(self.pools, self._room.by_pool(), self._ladder, is_away=self._store.is_away)

    async def aclose(self, patience: float = 2.0) -> None:
        """Let nobody in any more, and settle what has ended, within the patience."""
        self._room.close()
        await self.settler.drain(patience)

    async def _at_once(self, passed: Pass) -> Refused | None:
        """Take tickets and the room there is; None when both were there."""
        pool = passed.pool
        if not pool.has_room(ahead=passed.is_ahead):
            return Refused(PLACES, None, ())
        claim = pool.begin(passed.tenant, ahead=passed.is_ahead)
        try:
            verdict, own = await self._store.take(passed.demand)
        except BaseException as error:
            pool.end(claim)
            self._room.wake()
            if isinstance(error, StoreUnavailableError):
                raise self._refused(STORE, error) from error
            raise
        if isinstance(verdict, Taken):
            self._granted(passed, Granted(verdict, own, claim))
            return None
        pool.end(claim)
        self._room.wake()  # whoever came meanwhile found no room, and waits for it
        return verdict

    def _granted(self, passed: Pass, granted: Granted) -> None:
        passed.own, passed.claim = granted.own, granted.claim
        passed.started_at = self._clock.monotonic()
        passed.steps = self.steps_of(passed.arrival.model)
        passed.standings = standings(granted.own or passed.demand, granted.taken.remaining)
        if granted.own is None and passed.demand.names:
            self.settler.hold(passed.demand)
        self.figures.granted(passed.waited)

    async def _wait(
        self,
        passed: Pass,
        waiting: Waiting,
        verdict: Refused | None,
        gone: Callable[[], Awaitable[object]] | None,
        on_wait: Callable[[Callable[[], QueuePlace]], None],
    ) -> Pass:
        room, pool, demand, patience = self._room, passed.pool, passed.demand, passed.queue_patience
        if verdict is not None and verdict.limit != PLACES and patience > 0:
            room.hold(verdict)
        place = self._forecast.place(waiting, pool, demand, verdict)
        until_tickets = (
            room.until_tickets(waiting, demand) if patience > 0 else (verdict and verdict.retry_after) or 0.0
        )
        decision = self._forecast.decision(waiting, pool, until_tickets, patience)
        shortage = QUEUE if pool.has_room(ahead=passed.is_ahead) else PLACES
        limit = verdict.limit if verdict else room.exhausted(demand) or shortage
        if patience <= 0 or not isinstance(decision, Admit) or not room.queue.has_room(waiting.tenant):
            retry_after = (until_tickets or turnaround(pool)) if isinstance(decision, Admit) else decision.retry_after
            raise self._turned_away(passed, limit, retry_after, verdict, place)
        turn = room.enter(waiting, demand, pool, ahead=passed.is_ahead)
        passed.place = place
        on_wait(lambda: self._forecast.place(waiting, pool, demand, None))
        began_at = self._clock.monotonic()
        try:
            granted = await first_of(turn, gone)
        except TimeoutError:
            raise self._turned_away(passed, limit, turnaround(pool), verdict, place) from None
        except GatewayError as error:
            raise self._refused(STORE, error) from error
        except BaseException:
            self._abandon(turn, passed)
            raise
        finally:
            room.leave(waiting.id)
        passed.waited = max(1e-3, self._clock.monotonic() - began_at)
        self._granted(passed, granted)
        return passed

    def _abandon(self, turn: asyncio.Future[Granted], passed: Pass) -> None:
        """The client is gone; what it was granted in the same moment is given back."""
        self.figures.left()
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            passed.pool.end(turn.result().claim)
            self._give_back(passed.demand, turn.result())
        turn.cancel()
        self._room.wake()

    def _give_back(self, demand: Demand, granted: Granted) -> None:
        self._end(demand, granted.own, None, holds_tickets=True)

    def _end(self, demand: Demand, own: Demand | None, tokens: float | None, *, holds_tickets: bool) -> None:
        """Settle: `tokens` were used, or nothing at all (None)."""
        if not holds_tickets or not demand.names:
            return
        held = own or demand
        used = tuple(
            0.0 if tokens is None else (tokens if charge.name.startswith("tokens|") else charge.n)
            for charge in held.charges
        )
        settlement = Settlement(held, used)
        if own is not None:
            self._store.settle_own(settlement)
            self._room.release(demand)
        else:
            self.settler.submit(settlement, then=lambda: self._room.release(demand))

    async def _shadowed(self, passed: Pass) -> Pass:
        """Take what there is, and note what would have been refused."""
        now = self._clock.monotonic()
        has_place = passed.pool.has_room(ahead=False)
        try:
            verdict, own = await self._store.take(passed.demand)
        except StoreUnavailableError:
            self.figures.refused(STORE, now=now, is_shadow=True)
            verdict, own = Refused(STORE, None, ()), None
        claim = passed.pool.begin(passed.tenant, ahead=False)
        if isinstance(verdict, Taken):
            if not has_place:
                self.figures.refused(PLACES, now=now, is_shadow=True)
            self._granted(passed, Granted(verdict, own, claim))
        else:
            if verdict.limit != STORE:
                self.figures.refused(verdict.limit, now=now, is_shadow=True)
                passed.standings = standings(passed.demand, verdict.remaining)
            passed.holds_tickets, passed.started_at, passed.claim = False, now, claim
        return passed

    def _turned_away(
        self, passed: Pass, limit: str, retry_after: float, verdict: Refused | None, place: QueuePlace
    ) -> RefusedError:
        if not is_own(limit):
            self._crowded_out[passed.pool.name] += 1
        told = standings(passed.demand, verdict.remaining) if verdict and verdict.remaining else ()
        return self._refused(limit, too_many_error(limit, retry_after), told, place)

    def _refused(
        self, limit: str, error: GatewayError, told: Sequence[LimitStanding] = (), place: QueuePlace | None = None
    ) -> RefusedError:
        self.figures.refused(limit, now=self._clock.monotonic())
        return RefusedError(LimitRefusal(error, told, place, limit))

    def _waiting(self, passed: Pass, weight: float) -> Waiting:
        return Waiting(
            passed.arrival.id,
            passed.tenant,
            passed.likely.work,
            deadline=self._clock.monotonic() + passed.queue_patience,
            weight=weight,
            band=passed.band,
            limits=frozenset(passed.demand.names),
        )

    def _patience(self, own: float | None) -> float:
        queue = self._config.queue
        if queue is None:
            return 0.0
        return queue.max_wait if own is None else own

    def _descent(self) -> float:
        return max(RETRY_UNKNOWN, self._ladder.descend_after) if self._ladder else RETRY_UNKNOWN


def _is_shed(passed: Pass, tier: TierPriorityConfig) -> bool:
    return LadderStep.SHED in passed.steps and tier.sheddable
