"""Streams of a provider that do not come to their end, in several ways."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping

from tests.proxy.asked import Asked, says_natively, streamed
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.test_odd_answers import chunk
from werkzeug import Response

from thriftgate.wire.turns import Dialect

WORDS = [f"word{place} " for place in range(30)]
COUNTED = 12_345
"""Tokens that Anthropic says at the beginning of a stream went in."""
_WAY = re.compile(r"It (.+?)!")


def beginning(body: Asked) -> list[bytes]:
    """The events of a stream before anything in it ends."""
    if body.dialect is Dialect.CHAT:
        chunks = [chunk({"role": "assistant", "content": word}) for word in WORDS]
        return [f"data: {json.dumps(one)}\n\n".encode() for one in chunks]
    ends = (b"_stop", b".done", b'completed"', b'"message_delta"')
    events = [one for one in streamed(body, says_natively(body, "".join(WORDS), [])) if not any(e in one for e in ends)]
    return [one.replace(b'"input_tokens": 10', b'"input_tokens": %d' % COUNTED)
               .replace(b'"input_tokens":10', b'"input_tokens":%d' % COUNTED) for one in events]  # fmt: skip


def resets() -> Iterator[bytes]:
    raise ConnectionResetError
    yield b""


def stalls() -> Iterator[bytes]:
    time.sleep(12)  # in the server's own thread
    yield b""


def goes_on() -> Iterator[bytes]:
    for _ in range(200):
        time.sleep(0.1)
        yield b": nothing yet\n\n"


def errs() -> Iterator[bytes]:
    yield b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n'


WAYS: Mapping[str, Callable[[], Iterator[bytes]]] = {
    "just ends": lambda: iter(()),
    "is reset": resets,
    "says an error": errs,
    "stalls": stalls,
    "is left": goes_on,
}


def breaks(gateway: GatewayProcess, model: str) -> list[str]:
    """The model's streams break in the way that the question says; grows by those that were closed by the gateway."""
    closed: list[str] = []

    def reply(body: Asked) -> Response:
        found = _WAY.search(json.dumps(body.prompt))
        assert found is not None
        way = found[1]

        def events() -> Iterator[bytes]:
            try:
                for event in beginning(body):
                    yield event
                    time.sleep(0.1 if way == "is left" else 0)
                yield from WAYS[way]()
            except GeneratorExit:
                closed.append(way)
                raise

        return Response(events(), 200, content_type="text/event-stream")

    gateway.upstream.on(model, reply)
    return closed
