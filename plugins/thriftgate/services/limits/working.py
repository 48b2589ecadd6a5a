"""The place of a request that was let in: taken when its models are to be asked, given back when they have answered.

    let in ─ prepared ─ place? ─▶ models work ─▶ given back ─ told to the client ─▶ settled
                └ answered from the cache, or by another's answer: no place at all

Failure behaviour: OverloadedError (503) where no place comes free before the deadline that the request came in with.
A place is given back at the latest when its request is settled.
"""

from collections.abc import Callable

from thriftgate.limits.concurrency import CallOutcome
from thriftgate.limits.estimate import TokenEstimate
from thriftgate.patience import listening
from thriftgate.ports import Clock
from thriftgate.services.limits.figures import PLACES, LimitFigures
from thriftgate.services.limits.forecast import turnaround
from thriftgate.services.limits.passes import Pass, too_many_error
from thriftgate.services.limits.pool import Progress

_LEAST_PATIENCE = 1.0
"""Seconds for which one waits that is ready, however long it has waited to be let in."""


class Working:
    """Places of one worker.

    Args:
        clock: What waits are measured in (monotonic).
        wake: Called when there may be room for one that waits to be let in.
        figures: Counts those that got no place, and the waits of those that got one.
    """

    def __init__(self, clock: Clock, figures: LimitFigures, *, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._figures = figures
        self._wake = wake

    async def begin(self, passed: Pass) -> float:
        """Take the place; seconds for which it was waited for. Raises OverloadedError."""
        pool, claim, began_at = passed.pool, passed.claim, self._clock.monotonic()
        is_again = passed.work_began_at is not None
        if passed.is_settled or (is_again and claim.progress is Progress.AT_WORK):
            return 0.0
        if claim.progress is Progress.PREPARING:
            pool.preparation = pool.preparation.observe(began_at - passed.started_at)
        if is_again and not passed.is_ahead:
            pool.move(claim, Progress.AT_WORK)  # it was let in as one that never waits
        try:
            async with listening(max(_LEAST_PATIENCE, passed.patience - passed.waited)):
                has_waited = await pool.take_place(claim)
        except TimeoutError:
            self._figures.refused(PLACES, now=self._clock.monotonic())
            raise too_many_error(PLACES, turnaround(pool)) from None
        now = self._clock.monotonic()
        if passed.is_ahead and not is_again:
            pool.approach = pool.approach.observe(now - passed.started_at)
        # Of a request that asks models again, by a fallback that its client named, the time between does not count.
        worked = (passed.work_ended_at or now) - (passed.work_began_at or now)
        passed.work_began_at, passed.work_ended_at = now - worked, None
        if not has_waited:
            return 0.0
        wait = now - began_at
        passed.waited += wait
        self._figures.placed(wait)
        return wait

    def follow(self, passed: Pass) -> None:
        """Another's answer is waited for: the room is somebody else's until it is known that it does not come."""
        if passed.claim.progress is Progress.PREPARING:
            passed.pool.move(passed.claim, Progress.ASIDE)
            self._wake()

    def end(self, passed: Pass) -> None:
        """No model is asked any more; again changes nothing."""
        if passed.claim.progress in (Progress.ASIDE, Progress.ENDED):
            return
        if passed.work_began_at is not None:
            passed.work_ended_at, passed.n_at_work = self._clock.monotonic(), passed.pool.n_at_work
        passed.pool.move(passed.claim, Progress.ASIDE)
        self._wake()

    def settle(self, passed: Pass, *, spent: TokenEstimate | None, is_overload: bool, is_failed: bool) -> None:
        """The request has ended: learn from how it went, and let go of what it still holds."""
        pool, began_at = passed.pool, passed.work_began_at
        # One for which no model has worked says nothing about how fast they are.
        has_worked = began_at is not None or not passed.arrival.is_prepared
        if has_worked and (is_overload or not is_failed):
            known = spent or passed.likely
            ended_at = passed.work_ended_at or self._clock.monotonic()
            n_at_work = passed.n_at_work or pool.n_at_work
            outcome = CallOutcome(began_at or passed.started_at, ended_at, known.work, n_at_work, is_overload)
            pool.learn(outcome, prompt_bytes=passed.arrival.prompt_bytes, spent=spent)
        pool.end(passed.claim)
