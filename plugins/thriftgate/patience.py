"""How long to wait for a server, when the waiting may be our own fault.

A deadline of 40 ms is short enough that a busy event loop breaks it, and so does a host that does not let us run. So
only silence while the loop listened counts. While a call waits, the loop is asked to wake us every few milliseconds:
time by which it wakes us late was not spent listening, whoever is to blame, and is no fault of the server. A server
that answers anybody is not silent.

A loop that never listens would wait for ever: when the time is over by the clock, and after so many late turns, in each
of which it did look for replies, the server counts as silent as well.

Failure behaviour: `silent` says whether the server was; `listening` raises TimeoutError.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

_LOOKS = 4
"""Looks at the loop within a deadline."""
_LONGEST_STEP = 0.05
LONG_STEP = 0.25
"""Where whole seconds are waited for, and many wait."""
_PUNCTUAL = 0.25
"""Late by less than this share of a step is on time."""
_GRAIN = 0.002
"""And so is late by as many seconds: a timer is no more exact."""
_LATE_TURNS = 40
"""A connection, its greeting and a command take about ten turns of the loop, and other calls have theirs in between."""


@dataclass(slots=True)
class Silence:
    """Adds up the time in which a server was silent while we listened; pure.

    `deadline`: seconds of it that are too many. `looked_at`: the time of the last look.
    """

    deadline: float
    looked_at: float
    longest_step: float = _LONGEST_STEP
    waited: float = 0.0
    """By the clock."""
    listened: float = 0.0
    late_turns: int = 0

    @property
    def step(self) -> float:
        """Seconds until the next look."""
        return min(self.deadline / _LOOKS, self.longest_step)

    def look(self, now: float) -> bool:
        """Take a look, a step after the last one at most; True when the server was silent for too long."""
        passed = now - self.looked_at
        late = max(0.0, passed - self.step)
        self.looked_at = now
        self.waited += passed
        if late <= max(_GRAIN, _PUNCTUAL * self.step):
            self.listened += min(passed, self.step)
        else:
            self.listened += max(0.0, self.step - late)
            self.late_turns += 1
        # Forty turns are soon over beside a deadline of seconds: a slow statement has its time all the same.
        is_worn_out = self.late_turns >= _LATE_TURNS and self.waited >= self.deadline
        return self.listened >= self.deadline * 0.999 or is_worn_out

    def heard(self, *, is_bounded: bool = False) -> None:
        """The server has answered somebody; `is_bounded` leaves what was listened in all as it is."""
        self.late_turns = 0
        if not is_bounded:
            self.listened = self.waited = 0.0


class Patience:
    """Waits for calls of a server until it is silent. For one event loop.

    `is_bounded`: a call may not take longer than its deadline however many others are answered meanwhile; of a server
    that works on one call at a time silence is all that can be wrong, of one with slow statements it is not.
    """

    def __init__(self, *, is_bounded: bool = False) -> None:
        self._is_bounded = is_bounded
        self._answers = 0
        self.slow = 0
        """Calls that were answered after their deadline, because we had not listened."""

    async def silent(self, call: "asyncio.Future[object]", deadline: float, *, clock: Callable[[], float]) -> bool:
        """Wait for the call; True when the server was silent for `deadline` seconds. The call goes on all the same."""
        began = clock()
        silence, answers = Silence(deadline, began), self._answers
        while not call.done():
            await asyncio.wait((call,), timeout=silence.step)
            if call.done():
                break
            if self._answers != answers:
                silence.heard(is_bounded=self._is_bounded)
                answers = self._answers
            if silence.look(clock()):
                return True
        self._answers += 1
        if clock() - began > deadline:
            self.slow += 1
        return False


class _Alarm:
    """Looks again and again until the silence is too long; then `limit` is over. `cancel` it, or it knows itself."""

    def __init__(self, silence: Silence, limit: asyncio.Timeout) -> None:
        self._loop = asyncio.get_running_loop()
        self._silence = silence
        self._limit = limit
        self._next = self._loop.call_later(silence.step, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        if self._silence.look(now):
            self._limit.reschedule(now)
        else:
            self._next = self._loop.call_at(now + self._silence.step, self._look)

    def cancel(self) -> None:
        """Look no more."""
        self._next.cancel()


@asynccontextmanager
async def listening(deadline: float | None) -> AsyncGenerator[None]:
    """`asyncio.timeout` of the time in which the loop listened. What is there when a late alarm comes is taken."""
    if deadline is None:
        yield
        return
    silence = Silence(deadline, asyncio.get_running_loop().time(), LONG_STEP)
    async with asyncio.timeout(None) as limit:
        alarm = _Alarm(silence, limit)
        try:
            yield
        finally:
            alarm.cancel()
