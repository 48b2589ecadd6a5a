"""A connection whose statements are given up when the server was silent while we listened, and not a moment earlier.

Failure behaviour: raises TimeoutError; the statement is then cancelled at the server, as asyncpg does it. Whatever
asyncpg raises goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from thriftgate.stores.availability import Availability

T = TypeVar("T")


class ServerPatience:
    """Waits for one server's calls."""

    def __init__(self, availability: Availability) -> None:
        self._availability = availability

    async def until_silent(
        self, work: Awaitable[T], deadline: float, *, let_go: Callable[[T], object] = lambda _: None
    ) -> T:
        """The result of `work`. Raises TimeoutError after `deadline` seconds of listening, and cancels it.

        `let_go` gets a result that came all the same, when nobody takes it any more: whoever waited was cancelled in
        the same moment, or it was too late to be cancelled.
        """
        call = asyncio.get_running_loop().create_task(_awaited(work))
        is_taken = False
        try:
            is_taken = not await self._availability.is_silent(call, deadline)
        finally:
            if not is_taken:
                call.add_done_callback(lambda ended: _let_go(ended, let_go))
            if not call.done():
                call.cancel()
                # Until it has let go: what it held is then free again.
                await asyncio.wait((call,), timeout=deadline)
        if not is_taken:
            raise TimeoutError
        return call.result()


class PatientConnection:
    """asyncpg's connection as the stores use it (implements `database.Connection`)."""

    def __init__(self, connection: Any, waiting: ServerPatience, deadline: float) -> None:
        self._connection = connection
        self._waiting = waiting
        self._deadline = deadline

    async def fetch(self, query: str, *args: object, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        """All rows."""
        return await self._run(self._connection.fetch(query, *args), timeout)

    async def fetchrow(self, query: str, *args: object) -> Any:
        """The first row."""
        return await self._run(self._connection.fetchrow(query, *args))

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first column of the first row."""
        return await self._run(self._connection.fetchval(query, *args))

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement; its command tag."""
        return await self._run(self._connection.execute(query, *args))

    async def fetchmany(self, query: str, args: Sequence[Sequence[object]]) -> Any:
        """Run one statement for many arguments in one go; all rows returned."""
        return await self._run(self._connection.fetchmany(query, args))

    async def executemany(self, command: str, args: Sequence[Sequence[object]]) -> None:
        """Run one statement for many arguments in one go."""
        await self._run(self._connection.executemany(command, args))

    def transaction(self) -> "PatientTransaction":
        """All or nothing."""
        return PatientTransaction(self._connection.transaction(), self._waiting, self._deadline)

    def __getattr__(self, name: str) -> Any:
        """What waits for nothing is the connection's own."""
        return getattr(self._connection, name)

    async def _run(self, work: Awaitable[T], deadline: float | None = None) -> T:
        return await self._waiting.until_silent(work, self._deadline if deadline is None else deadline)


class PatientTransaction:
    """A transaction whose begin and end are waited for in the same way."""

    def __init__(self, transaction: Any, waiting: ServerPatience, deadline: float) -> None:
        self._transaction = transaction
        self._waiting = waiting
        self._deadline = deadline

    async def __aenter__(self) -> None:
        await self._waiting.until_silent(self._transaction.__aenter__(), self._deadline)

    async def __aexit__(self, *raised: object) -> None:
        await self._waiting.until_silent(self._transaction.__aexit__(*raised), self._deadline)


def _let_go(ended: "asyncio.Task[T]", let_go: Callable[[T], object]) -> None:
    if not ended.cancelled() and ended.exception() is None:
        let_go(ended.result())


async def _awaited(work: Awaitable[T]) -> T:
    return await work
