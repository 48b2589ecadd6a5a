"""A client that goes away is noticed while nobody reads, and no message is lost for that."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from thriftgate.proxy.limits.connection import ClientConnection

BODY = {"type": "http.request", "body": b"{}", "more_body": False}
GONE = {"type": "http.disconnect"}


def connection() -> tuple[ClientConnection, asyncio.Queue[Any]]:
    """A connection, and what its server has to say."""
    said: asyncio.Queue[Any] = asyncio.Queue()

    async def receive() -> Any:
        message = await said.get()
        if isinstance(message, Exception):
            raise message
        return message

    return ClientConnection(receive), said


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_messages_pass_through_in_order() -> None:
    here, server = connection()
    parts = [{**BODY, "more_body": True}, BODY, GONE]
    for part in parts:
        server.put_nowait(part)
    assert [await here.receive() for _ in parts] == parts


async def test_a_client_that_leaves_while_nobody_reads_is_noticed_and_told_to_the_next_reader() -> None:
    here, server = connection()
    server.put_nowait(BODY)
    await here.receive()
    gone = asyncio.ensure_future(here.gone())
    await settled()
    assert not gone.done()
    server.put_nowait(GONE)
    await gone
    await here.gone()
    assert await here.receive() == GONE
    assert await here.receive() == GONE


async def test_before_the_body_is_read_nobody_listens_in() -> None:
    here, server = connection()
    gone = asyncio.ensure_future(here.gone())
    server.put_nowait(BODY)
    await settled()
    assert not gone.done()
    assert await here.receive() == BODY
    gone.cancel()


async def test_a_watcher_that_stops_takes_no_message_with_it() -> None:
    here, server = connection()
    server.put_nowait(BODY)
    await here.receive()
    gone = asyncio.ensure_future(here.gone())
    await settled()
    gone.cancel()
    await settled()
    reader = asyncio.ensure_future(here.receive())
    await settled()
    server.put_nowait(GONE)
    assert await reader == GONE


async def test_a_reader_that_is_cancelled_takes_no_message_with_it() -> None:
    here, server = connection()
    server.put_nowait(BODY)
    await here.receive()
    gone = asyncio.ensure_future(here.gone())
    await settled()
    reader = asyncio.ensure_future(here.receive())
    await settled()
    reader.cancel()
    await settled()
    server.put_nowait(GONE)
    await gone
    assert await here.receive() == GONE


async def test_a_connection_that_cannot_be_read_counts_as_gone() -> None:
    here, server = connection()
    server.put_nowait(BODY)
    await here.receive()
    server.put_nowait(ConnectionResetError())
    await here.gone()


ENDS: list[Callable[[ClientConnection], Coroutine[Any, Any, Any]]] = [ClientConnection.gone, ClientConnection.receive]


@pytest.mark.parametrize("end", ENDS)
async def test_closing_stops_listening(end: Callable[[ClientConnection], Coroutine[Any, Any, Any]]) -> None:
    here, server = connection()
    server.put_nowait(BODY)
    await here.receive()
    task = asyncio.ensure_future(end(here))
    await settled()
    here.close()
    task.cancel()
    await settled()
    assert task.cancelled()
