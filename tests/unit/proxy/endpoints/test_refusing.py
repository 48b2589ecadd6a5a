"""The layer next to the endpoints: whose form an error of LiteLLM's goes out in."""

import json
from collections.abc import Mapping, Sequence

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from thriftgate.errors import GatewayError, OutputInvalidError
from thriftgate.proxy.edge import EdgeRequest, current
from thriftgate.proxy.endpoints.refusing import ErrorLayer
from thriftgate.proxy.limits.dialects import LimitedApi, error_body
from thriftgate.wire.streaming.sse import SseDecoder

OPENAI = {"error": {"message": "Budget has been exceeded!", "type": "budget_exceeded", "param": None, "code": "422"}}
ANTHROPIC = {"type": "error", "error": {"type": "rate_limit_error", "message": "Later."}}


async def answered(path: str, status: int, *pieces: bytes, kind: bytes = b"application/json") -> Sequence[Message]:
    """What goes out of the layer when this comes from the endpoint."""

    async def endpoint(_scope: Scope, _receive: Receive, send: Send) -> None:
        size = str(sum(map(len, pieces))).encode()
        headers = [(b"content-type", kind), (b"content-length", size), (b"retry-after", b"7")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for at, piece in enumerate(pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": at < len(pieces) - 1})

    return await through(endpoint, path)


async def through(endpoint: ASGIApp, path: str) -> Sequence[Message]:
    """What goes out of the layer around this endpoint."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await ErrorLayer(endpoint)({"type": "http", "method": "POST", "path": path}, receive, send)
    return sent


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "authentication_error"), (422, "invalid_request_error"), (429, "rate_limit_error"), (500, "api_error")],
)
async def test_at_anthropics_endpoint_litellms_words_go_out_in_anthropics_form(status: int, kind: str) -> None:
    whole = json.dumps(OPENAI).encode()
    head, body = await answered("/v1/messages", status, whole[:20], whole[20:])
    headers = dict(head["headers"])
    assert head["status"] == status
    assert headers[b"retry-after"] == b"7"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert json.loads(body["body"]) == {
        "type": "error",
        "error": {"type": kind, "message": "Budget has been exceeded!"},
    }


@pytest.mark.parametrize(
    ("path", "status", "body", "kind"),
    [
        ("/v1/chat/completions", 422, json.dumps(OPENAI).encode(), b"application/json"),
        ("/v1/messages", 429, json.dumps(ANTHROPIC).encode(), b"application/json"),
        ("/v1/messages", 502, b"{not json", b"application/json"),
        ("/v1/messages", 502, b'{"detail": "no"}', b"application/json"),
        ("/v1/messages", 502, b"<html>", b"text/html"),
        ("/v1/messages", 200, json.dumps(OPENAI).encode(), b"application/json"),
    ],
    ids=["OpenAI's endpoint", "Anthropic's already", "no JSON", "no error", "a page", "an answer"],
)
async def test_anything_else_goes_out_as_it_came(path: str, status: int, body: bytes, kind: bytes) -> None:
    sent = await answered(path, status, body, kind=kind)
    assert (sent[0]["status"], sent[1]["body"]) == (status, body)


INVALID = OutputInvalidError("the answer does not fit", code="output_invalid", param="days")
TOLD: Mapping[str, bytes] = {
    "/v1/chat/completions": b'data: {"error": {"message": "the answer does not fit", "type": "invalid_request_error", '
    b'"param": "days", "code": "422"}}\n\n',
    "/v1/messages": b'event: error\ndata: {"type": "error", "error": {"type": "api_error", '
    b'"message": "the answer does not fit"}}\n\n',
}
"""Our error as LiteLLM ends a stream with it."""
SAID = b'data: {"choices": [{"delta": {"content": "{\\"error\\": 1}"}}]}\n\n'


async def streamed(path: str, error: GatewayError | None, *pieces: bytes) -> bytes:
    """The bytes of a stream whose request is known to have failed so."""

    async def endpoint(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        edge = EdgeRequest(request_id="r", route="shaped", model="shaped", body={}, headers={})
        current.set(edge)
        for at, piece in enumerate(pieces):
            if at == len(pieces) - 1 and error is not None:
                edge.refuse(error)
            await send({"type": "http.response.body", "body": piece, "more_body": at < len(pieces) - 1})

    sent = await through(endpoint, path)
    return b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize("path", list(TOLD))
async def test_the_error_that_ends_a_stream_says_what_a_whole_answer_would(path: str) -> None:
    dialect = LimitedApi.MESSAGES if path.endswith("messages") else LimitedApi.CHAT
    whole = await streamed(path, INVALID, SAID, b"\n\n" + SAID + TOLD[path])
    *before, last = SseDecoder().feed(whole)
    assert last.body == error_body(INVALID, dialect)
    assert last.event == ("error" if dialect is LimitedApi.MESSAGES else None)
    assert [event.data.encode() for event in before] == [SAID[6:-2]] * 2


@pytest.mark.parametrize("path", list(TOLD))
async def test_an_error_that_is_not_ours_ends_a_stream_as_litellm_says_it(path: str) -> None:
    for error in (None, GatewayError("something else")):
        assert await streamed(path, error, SAID, TOLD[path]) == SAID + TOLD[path]
    assert await streamed(path, INVALID, SAID, TOLD[path][:-9]) == SAID + TOLD[path][:-9]
