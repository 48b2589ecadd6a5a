"""Notices that a client has gone away while nothing is read from it.

LiteLLM reads a request's body and then listens no more until it answers: a request that waits would wait for nobody.

Failure behaviour: what the server's `receive` raises is raised to whoever reads next; while nobody reads, a connection
that cannot be read counts as gone.
"""

import asyncio

from starlette.types import Message, Receive


class ClientConnection:
    """Stands between the server and the application, and hands on every message once, in order."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_read = False
        self._next: asyncio.Task[Message] | None = None

    async def receive(self) -> Message:
        """The next message, for the application."""
        if self._next is not None:
            # Shielded: a reader that is cancelled must not take the message with it.
            message = await asyncio.shield(self._next)
            if message["type"] != "http.disconnect":
                self._next = None
        else:
            message = await self._receive()
        self._is_read = self._is_read or message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def peek(self) -> bytes:
        """The body, or its first part, before the application reads it; empty when the client has gone."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._read())
        message = await asyncio.shield(self._next)
        return message.get("body", b"")

    async def gone(self) -> None:
        """Until the client has gone away. Before its body has been read nothing is known, and it waits for ever."""
        if not self._is_read:
            await asyncio.Event().wait()
        if self._next is None:
            self._next = asyncio.ensure_future(self._read())
        try:
            while (await asyncio.shield(self._next))["type"] != "http.disconnect":
                self._next = asyncio.ensure_future(self._read())
        except OSError:
            return

    async def _read(self) -> Message:
        return await self._receive()

    def close(self) -> None:
        """Stop listening."""
        # Let go of: its context knows the request, which knows this connection, and whole requests would be garbage in
        # circles that waits for the collector.
        reading, self._next = self._next, None
        if reading is not None:
            if reading.done() and not reading.cancelled():
                reading.exception()  # it was looked at
            reading.cancel()
