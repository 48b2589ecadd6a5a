"""What a request can do without: given up as soon as PostgreSQL is silent, and not when a statement is only slow.

A statement may take longer than anybody would wait for a server that has died. So while one takes longer than a moment,
a connection that does nothing else is asked for a sign of life: as long as that is given, the statement has its time.
Until that connection is open, and while the pool opens another, the longer time holds: a greeting takes a while.

Failure behaviour: raises StoreUnavailableError with its cause, within 50 ms of an idle loop when PostgreSQL is frozen,
and at once while it is away (see `availability`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from thriftgate.errors import StoreUnavailableError
from thriftgate.stores.availability import LINGER, Availability

ResultT = TypeVar("ResultT")

_MOMENT: Final = 0.012
"""Seconds after which a statement that has not answered is in question; most take two or three thousandths."""
_LOOK: Final = 0.05
"""Seconds between two signs of life while a statement takes its time."""
_PROBE_DEADLINE: Final = 1.0
_CLOSING: Final = 0.5


class Promptness:
    """Runs work that may fail, within the server's silence.

    Args:
        availability: What is known of the server.
        connect: Opens a connection outside the pool.
        silence: Seconds without a sign of life after which the server is away.
        slowest: Seconds that work may take while the server lives.
    """

    def __init__(
        self, availability: Availability, connect: Callable[[], Awaitable[Any]], *, silence: float, slowest: float
    ) -> None:
        self._availability = availability
        self._connect = connect
        self._silence = silence
        self._slowest = slowest
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = WeakKeyDictionary()

    async def run(self, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """The result of `work`. Raises StoreUnavailableError, or what `work` raises."""
        started_at = self._availability.require()
        call, is_over = asyncio.ensure_future(work()), False
        try:
            is_over = await self._is_over(call)
        finally:
            if not is_over:
                self._availability.leave(call)
        if not is_over:
            cause = self._availability.failed(TimeoutError(), started_at=started_at)
            raise StoreUnavailableError("PostgreSQL did not answer in time", cause=cause)
        result = call.result()
        self._availability.succeeded()
        return result

    async def ask(self) -> None:
        """Have the server give a sign of life. Raises TimeoutError, or what the driver raises."""
        sign = self._line().sign()
        if await self._availability.is_silent(sign, _PROBE_DEADLINE):
            raise TimeoutError
        sign.result()

    async def close(self) -> None:
        """Close the connection of the running event loop."""
        line = self._lines.pop(asyncio.get_running_loop(), None)
        if line is not None:
            await line.close()

    async def _is_over(self, call: "asyncio.Future[Any]") -> bool:
        """Whether the call ended before the server was silent, or too slow."""
        waited, look, line = 0.0, _MOMENT, self._line()
        while waited < self._slowest and not (waited and self._availability.is_away):
            if not await self._availability.is_silent(call, look):
                return True
            waited += look
            look = _LOOK
            if line.is_open and not await self._lives(line, call):
                return False
        return False

    async def _lives(self, line: "_Line", call: "asyncio.Future[Any]") -> bool:
        first = asyncio.ensure_future(asyncio.wait((line.sign(), call), return_when=asyncio.FIRST_COMPLETED))
        try:
            return not await self._availability.is_silent(first, self._silence)
        finally:
            first.cancel()

    def _line(self) -> "_Line":
        line = self._lines.get(asyncio.get_running_loop())
        if line is None:
            line = self._lines[asyncio.get_running_loop()] = _Line(self._connect)
            line.sign()  # opens it, beside the request
        return line


class _Line:
    """A connection that only gives signs of life; of one event loop."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._sign: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a sign could be given at once by a server that lives."""
        return self._connection is not None and not self._connection.is_closed()

    def sign(self) -> "asyncio.Task[None]":
        """The sign that is waited for; a new one when the last was given. Never a failure that nobody looks at."""
        if self._sign is None or self._sign.done():
            self._sign = asyncio.ensure_future(self._give())
            self._sign.add_done_callback(lambda sign: sign.cancelled() or sign.exception())
            cut = asyncio.get_running_loop().call_later(LINGER, self._sign.cancel)
            self._sign.add_done_callback(lambda _: cut.cancel())
        return self._sign

    async def close(self) -> None:
        """Let go of the connection; nothing is said on it that would have to be taken back."""
        if self._sign is not None:
            # One that is being opened would be lost, and left open, if it were cut off as it is handed over.
            await asyncio.wait((self._sign,), timeout=_CLOSING)
            self._sign.cancel()
            await asyncio.gather(self._sign, return_exceptions=True)
        self._drop()
        await asyncio.sleep(0)  # its socket is closed in the loop's next turn

    async def _give(self) -> None:
        try:
            if not self.is_open:
                self._connection = await self._connect()
            await self._connection.fetchval("SELECT 1")
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
