"""What a start leaves in memory, and what a request does: nothing that only the collector could free."""

import asyncio
import gc
import json
import subprocess
import sys
import weakref
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.types import Message, Receive, Scope, Send

from thriftgate.patience import listening
from thriftgate.privacy.pseudonyms import Pseudonym
from thriftgate.proxy.limits.connection import ClientConnection
from thriftgate.proxy.limits.dialects import LimitedApi
from thriftgate.proxy.limits.request import LimitedRequest
from thriftgate.proxy.limits.request import current as limited
from thriftgate.proxy.limits.responder import Responder
from thriftgate.proxy.memory import look_at_routes
from thriftgate.proxy.privacy.layer import PrivacyLayer
from thriftgate.proxy.privacy.layer import current as private

_BEGIN = """
import gc, resource, weakref
from thriftgate.proxy import memory

class Node:
    pass

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

started = [[number] for number in range(600_000)]
"""


def _printed(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + program], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.strip()


def test_the_garbage_of_requests_does_not_wait_until_it_is_a_quarter_of_what_the_start_made() -> None:
    program = """
memory.tidy_after_start()
alive, most = weakref.WeakSet(), 0
for _ in range(145_000):
    node = Node()
    node.itself = node
    alive.add(node)
    most = max(most, len(alive))
print(gc.get_freeze_count() > 600_000, most < 90_000)
"""
    assert _printed(program) == "True True"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc keeps what it can be told to give back")
def test_what_the_start_freed_is_given_back() -> None:
    program = """
buffers = [bytes(60_000) for _ in range(2_000)]
kept = buffers[::50]  # between them glibc gives nothing back by itself
del buffers
before = resident()
memory.tidy_after_start()
print(before - resident() > 80_000_000)
"""
    assert _printed(program) == "True"


async def test_fastapi_looks_at_its_routes_once_so_that_no_client_waits_for_it() -> None:
    app, asked = FastAPI(), list[str]()
    router = APIRouter()

    @router.get("/{rest:path}/of-another")
    async def other() -> None:  # pyright: ignore[reportUnusedFunction]
        asked.append("other")

    app.include_router(router)
    await look_at_routes(app.router)
    before = len(gc.get_objects())
    await look_at_routes(app.router)
    assert len(gc.get_objects()) - before < 20
    assert not asked


@contextmanager
def _no_collector() -> Generator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_what_waits_for_a_client_to_go_is_freed_with_its_request() -> None:
    async def silent() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nobody says anything")

    async def serve() -> weakref.ref[Responder]:
        async def send(message: Message) -> None:
            """To nobody."""

        connection = ClientConnection(silent)
        responder = Responder(send, LimitedApi.CHAT)
        limited.set(LimitedRequest(LimitedApi.CHAT, connection, responder))
        reading = asyncio.create_task(connection.peek())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        connection.close()
        return weakref.ref(responder)

    with _no_collector():
        gone = await asyncio.create_task(serve())
        for _ in range(5):
            await asyncio.sleep(0)
        assert gone() is None


async def test_a_stream_whose_values_are_put_back_is_freed_with_its_request() -> None:
    class Kept:
        """Stands for all that the way back to the client holds."""

        async def send(self, message: Message) -> None:
            sent.append(message)

    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        exchange = private.get()
        assert exchange is not None
        exchange.entries = (Pseudonym("PERSON", 1, 0, "Ann Lee"),)
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        arguments = {"tool_calls": [{"index": 0, "function": {"arguments": '{"name": "<PERSON_1>"}'}}]}
        event = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": arguments}]}
        await send({"type": "http.response.body", "body": b"data: " + json.dumps(event).encode() + b"\n\n"})

    async def serve(app: Callable[..., Awaitable[None]]) -> weakref.ref[Kept]:
        kept = Kept()
        scope: dict[str, Any] = {"type": "http", "method": "POST"}

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        await PrivacyLayer(app)(scope, receive, kept.send)
        return weakref.ref(kept)

    with _no_collector():
        gone = await serve(app)
        assert b"Ann Lee" in sent[-1]["body"]
        assert gone() is None


async def test_a_deadline_that_is_not_reached_keeps_nothing_of_its_request() -> None:
    class Kept:
        """Stands for what the caller holds."""

    async def wait() -> weakref.ref[Kept]:
        kept = Kept()
        holder.set(kept)
        async with listening(5.0):
            await asyncio.sleep(0)
        return weakref.ref(kept)

    holder: ContextVar[Kept] = ContextVar("holder")
    with _no_collector():
        gone = await asyncio.create_task(wait())
        await asyncio.sleep(0)
        assert gone() is None
