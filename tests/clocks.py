"""Clocks for tests: one that is moved by hand, and the event loop's own."""

import asyncio
import time


class FakeClock:
    """Time that stands still until somebody moves it."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now
        self._moved = asyncio.Event()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on, and wake whoever waits for time to pass."""
        self.now += seconds
        self._moved.set()
        self._moved = asyncio.Event()

    async def pause(self, event: asyncio.Event, seconds: float) -> None:
        """Until the event is set or the clock was moved by so many seconds."""
        until = self.now + seconds
        while not event.is_set() and self.now < until:
            waiting = [asyncio.ensure_future(each.wait()) for each in (event, self._moved)]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waiting:
                    each.cancel()


class LoopClock:
    """The event loop's own time, for contract suites that hold real stores to their leases."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def pause(self, event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
