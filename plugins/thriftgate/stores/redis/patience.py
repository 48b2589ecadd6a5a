"""How long to wait for a server, when the waiting may be our own fault.

A deadline of 40 ms is short enough that a busy event loop breaks it: a hundred calls at once look like a server that
is down. So only silence counts: where, since the last look, any other call was answered, or this thread was itself
at work most of the time, the deadline starts anew. A server that is really gone answers nobody while the loop has
nothing to do, and the first deadline stands.

Failure behaviour: raises TimeoutError when the server was silent while the loop was idle, and after a few deadlines
whatever the loop did.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

_TIMES = 5
"""However alive the server seems, a call takes no longer than so many deadlines."""
_BUSY_SHARE = 0.5


class Patience:
    """Ends calls on a server that has gone silent. For one event loop.

    `cpu_clock` tells the seconds that the calling thread has computed so far.
    """

    def __init__(self, *, cpu_clock: Callable[[], float] = time.thread_time) -> None:
        self._cpu_clock = cpu_clock
        self._answered_at = float("-inf")

    @asynccontextmanager
    async def within(self, deadline: float) -> AsyncGenerator[None]:
        """Raises TimeoutError in its body when the server was silent for `deadline` seconds."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + _TIMES * deadline
        async with asyncio.timeout(None) as scope:

            def look(began_at: float, computed: float) -> None:
                nonlocal alarm
                now, computed_now = loop.time(), self._cpu_clock()
                was_busy = computed_now - computed > _BUSY_SHARE * (now - began_at)
                if now < latest and (was_busy or self._answered_at >= began_at):
                    alarm = loop.call_later(deadline, look, now, computed_now)
                else:
                    scope.reschedule(now)

            alarm = loop.call_later(deadline, look, loop.time(), self._cpu_clock())
            try:
                yield
            finally:
                alarm.cancel()
        self._answered_at = loop.time()
