"""Whether a server is away: who finds out, who waits for it no longer, and how its return is noticed.

A call that is given up goes on for a while beside its request: its connection is good, and its late reply is how a
thawed server is noticed first. After a failed call the breaker answers for the server at once (see `breaker`), and a
task of its own asks whether it is back, with more patience than a request has: under load too, recovery needs no luck.

Failure behaviour: raises TimeoutError for a server that was silent while we listened (see `patience`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, Final, TypeVar, cast
from weakref import WeakKeyDictionary

from thriftgate.errors import Cause, StoreUnavailableError
from thriftgate.patience import Patience
from thriftgate.stores.breaker import CircuitBreaker

ResultT = TypeVar("ResultT")

LINGER: Final = 10.0
"""Seconds that a call may go on after nobody waits for it any more; then its connection is closed."""


class Availability:
    """What is known of one server; each event loop waits for itself.

    Args:
        name: What the server is called in errors.
        ask: Has the server give a sign of life; raises when there is none.
        cause_of: Why a failed sign of life failed.
        clock: Seconds that never go back.
        breaker: Decides how long nobody asks.
        is_bounded: A call has its deadline however many others are answered (see `Patience`).
    """

    def __init__(
        self,
        name: str,
        ask: Callable[[], Awaitable[object]],
        cause_of: Callable[[Exception], Cause],
        *,
        clock: Callable[[], float] = time.monotonic,
        breaker: CircuitBreaker | None = None,
        is_bounded: bool = False,
    ) -> None:
        self._name = name
        self._ask = ask
        self._cause_of = cause_of
        self._clock = clock
        self._breaker = breaker or CircuitBreaker()
        self._is_bounded = is_bounded
        self._cause: Cause = "time_out"
        self._patience: WeakKeyDictionary[asyncio.AbstractEventLoop, Patience] = WeakKeyDictionary()
        self._probes: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()
        self._left: WeakKeyDictionary[asyncio.AbstractEventLoop, set[asyncio.Task[Any]]] = WeakKeyDictionary()

    @property
    def is_away(self) -> bool:
        """Whether the last thing known of the server is a failure."""
        return self._breaker.is_open

    @property
    def patience(self) -> Patience:
        """The running event loop's."""
        return self._patience.setdefault(asyncio.get_running_loop(), Patience(is_bounded=self._is_bounded))

    def require(self) -> float:
        """The time, for `failed`; raises StoreUnavailableError at once while the server is away."""
        if self._breaker.is_open:
            self._probe()
            raise StoreUnavailableError(f"{self._name} did not answer a moment ago", cause=self._cause)
        return self._clock()

    def failed(self, error: Exception, *, started_at: float) -> Cause:
        """A call that began at `started_at` was not answered; why not."""
        self._cause = self._cause_of(error)
        self._breaker.failed(started_at=started_at, now=self._clock())
        self._probe()
        return self._cause

    def doubt(self) -> None:
        """A call was given up that may only have been slow: away is a server that gives no sign of life either."""
        loop = asyncio.get_running_loop()
        probe = self._probes.get(loop)
        if probe is None or probe.done():
            self._probes[loop] = loop.create_task(
                self._until_sure(), name=f"thriftgate:{self._name}_doubt", context=Context()
            )

    def succeeded(self) -> None:
        """A call was answered."""
        self._breaker.succeeded()

    async def answered(self, work: Awaitable[ResultT], deadline: float) -> ResultT:
        """The result of `work`. Raises TimeoutError when the server was silent, and leaves the call alone then."""
        call = asyncio.ensure_future(work)
        is_silent = True
        try:
            is_silent = await self.is_silent(call, deadline)
        finally:
            if is_silent:
                self.leave(call)
        if is_silent:
            raise TimeoutError
        return call.result()

    async def is_silent(self, call: "asyncio.Future[Any]", deadline: float) -> bool:
        """Whether the server said nothing for `deadline` seconds; the call goes on."""
        clock = asyncio.get_running_loop().time
        return await self.patience.silent(cast("asyncio.Future[object]", call), deadline, clock=clock)

    def leave(self, call: "asyncio.Future[Any]") -> None:
        """Let a call end that nobody waits for: cut off, it would take its good connection with it."""
        loop = asyncio.get_running_loop()
        left = self._left.setdefault(loop, set())
        left.add(cast("asyncio.Task[Any]", call))
        cut = loop.call_later(LINGER, call.cancel)

        def ended(_: object) -> None:
            left.discard(cast("asyncio.Task[Any]", call))
            cut.cancel()
            if not call.cancelled() and call.exception() is None:
                self._breaker.succeeded()  # a late reply: it is back

        call.add_done_callback(ended)

    async def close(self) -> None:
        """End what still waits in the running event loop."""
        loop = asyncio.get_running_loop()
        probe = self._probes.pop(loop, None)
        tasks = [*self._left.pop(loop, ()), *([probe] if probe is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _probe(self) -> None:
        """Ask whether it is back until it is, beside the requests."""
        loop = asyncio.get_running_loop()
        probe = self._probes.get(loop)
        if probe is None or probe.done():
            self._probes[loop] = loop.create_task(
                self._until_back(), name=f"thriftgate:{self._name}_probe", context=Context()
            )

    async def _until_sure(self) -> None:
        await self._look()
        await self._until_back()

    async def _until_back(self) -> None:
        while self._breaker.is_open:
            await asyncio.sleep(self._breaker.pause)
            if self._breaker.is_open:
                await self._look()

    async def _look(self) -> None:
        started_at = self._clock()
        try:
            await self._ask()
        except Exception as error:
            # Of whatever class: a driver that cannot reach its server raises many, and the next look tells.
            self._cause = self._cause_of(error)
            self._breaker.failed(started_at=started_at, now=self._clock())
        else:
            self._breaker.succeeded()
