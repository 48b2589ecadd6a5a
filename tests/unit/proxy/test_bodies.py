"""The layer that measures bodies: what passes arrives unchanged, what does not never arrives."""

import asyncio
import json
from typing import Any

import pytest

from thriftgate.proxy.bodies import BodyBounds
from thriftgate.wire.bounds import MAX_BYTES

JSON_KIND = [(b"content-type", b"application/json")]
GONE = {"type": "http.disconnect"}


class Endpoint:
    """Reads the body, and says nothing."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            self.got.append(message)
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 204, "headers": []})


async def served(*pieces: bytes, path: str = "/v1/chat/completions", headers: Any = None) -> tuple[Endpoint, list[Any]]:
    """What arrived, and what was answered."""
    endpoint, sent = Endpoint(), list[Any]()
    parts = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces[:-1]]
    parts += [{"type": "http.request", "body": pieces[-1], "more_body": False}] if pieces else []
    said = iter([*parts, GONE])

    async def receive() -> Any:
        await asyncio.sleep(0)
        return next(said)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": JSON_KIND if headers is None else headers}
    await BodyBounds(endpoint)(scope, receive, send)
    return endpoint, sent


def error_in(sent: list[Any]) -> dict[str, Any]:
    assert sent[0]["status"] == 400
    return json.loads(sent[1]["body"])


async def test_a_body_in_pieces_arrives_whole() -> None:
    endpoint, sent = await served(b'{"model": ', b'"x"', b"}")
    assert endpoint.got == [{"type": "http.request", "body": b'{"model": "x"}', "more_body": False}]
    assert sent[0]["status"] == 204


async def test_a_client_that_leaves_while_it_sends_has_left() -> None:
    endpoint, _ = await served()
    assert endpoint.got == [GONE]


@pytest.mark.parametrize("raw", [b"[1]", b"5", b'"x"', b"null", b"[" * 100_000, b'{"a":' * 5_000])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"])
async def test_what_is_no_object_or_too_deep_never_arrives(path: str, raw: bytes) -> None:
    endpoint, sent = await served(raw, path=path)
    told = error_in(sent)
    assert endpoint.got == []
    assert told["error"]["type"] == "invalid_request_error"
    assert ("type" in told) == (path == "/v1/messages")


async def test_too_many_bytes_are_refused_though_the_client_has_not_sent_them_all() -> None:
    piece = b"x" * (MAX_BYTES // 4)
    endpoint, sent = await served(b'{"a": "', *([piece] * 6))
    assert error_in(sent)["error"]["code"] == "request_too_large"
    assert endpoint.got == []


async def test_a_large_body_within_the_bounds_passes() -> None:
    raw = json.dumps({"messages": [{"role": "user", "content": "[" * 300_000}]}).encode()
    endpoint, _ = await served(raw)
    assert endpoint.got[0]["body"] == raw


async def test_a_file_is_not_read_here() -> None:
    kind = [(b"Content-Type", b"multipart/form-data; boundary=x")]
    endpoint, _ = await served(b"[" * 500, b"", path="/v1/audio/transcriptions", headers=kind)
    assert len(endpoint.got) == 2


@pytest.mark.parametrize("value", [b"abc", b"", b"1s", b"\xff"])
async def test_a_header_that_must_be_a_number_is_one(value: bytes) -> None:
    endpoint, sent = await served(b"{}", headers=[*JSON_KIND, (b"X-LiteLLM-Timeout", value)])
    assert "'X-LiteLLM-Timeout' must be a number" in error_in(sent)["error"]["message"]
    assert endpoint.got == []
