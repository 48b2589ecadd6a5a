"""The layer that measures bodies: what passes arrives unchanged, what does not never arrives."""

import asyncio
import json
from typing import Any

import pytest

from thriftgate.proxy.endpoints.bodies import BodyBounds
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


async def test_sound_that_litellm_forwards_is_not_read_here() -> None:
    endpoint, _ = await served(b"[" * 500, b"", path="/azure_speech/x", headers=[(b"content-type", b"audio/wav")])
    assert len(endpoint.got) == 2


KINDS = ("application/octet-stream", "audio/wav", " Image/PNG", "video/mp4", "application/x-protobuf", "text/plain", "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"])
async def test_a_body_is_measured_whatever_its_header_calls_it(path: str, kind: str) -> None:
    """LiteLLM reads it as JSON all the same."""
    deep = b'{"model": ' + b"[" * 80 + b"]" * 80 + b"}"
    endpoint, sent = await served(deep, path=path, headers=[(b"Content-Type", kind.encode())])
    assert error_in(sent)["error"]["message"].startswith("the request is nested deeper")
    assert endpoint.got == []


@pytest.mark.parametrize("kind", ["application/octet-stream", "audio/x", "image/png", "video/mp4"])
@pytest.mark.parametrize(
    "path", ["/v1beta/models/g:generateContent", "/interactions", "/v1/ocr", "/v1/threads", "/v1/responses/compact"]
)
async def test_a_body_is_measured_at_every_endpoint_that_litellm_reads_as_json(path: str, kind: str) -> None:
    deep = b'{"model": ' + b"[" * 80 + b"]" * 80 + b"}"
    endpoint, sent = await served(deep, path=path, headers=[(b"content-type", kind.encode())])
    assert error_in(sent)["error"]["message"].startswith("the request is nested deeper")
    assert endpoint.got == []


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "Multipart/x"]
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/v1/messages", "/v1/responses"])
async def test_a_conversation_is_no_form(path: str, kind: str) -> None:
    endpoint, sent = await served(b"model=one&input=hi", path=path, headers=[(b"content-type", kind.encode())])
    assert "content-type: application/json" in error_in(sent)["error"]["message"]
    assert endpoint.got == []


@pytest.mark.parametrize("models", [",".join("a" * 17), "," * 100_000, "a" * 1_001])
@pytest.mark.parametrize("name", ["model", "target_model_names"])
async def test_one_request_asks_no_hundred_models(name: str, models: str) -> None:
    endpoint, sent = await served(json.dumps({name: models}).encode())
    assert error_in(sent)["error"]["message"].startswith(f"'{name}' must be at most 16 names")
    assert endpoint.got == []
    endpoint, sent = await served(json.dumps({name: ",".join("a" * 16)}).encode())
    assert len(endpoint.got) == 1


@pytest.mark.parametrize("value", [b"abc", b"", b"1s", b"\xff", b"-1", b"nan", b"inf", b"1" * 50])
async def test_a_header_that_must_be_a_number_is_one(value: bytes) -> None:
    endpoint, sent = await served(b"{}", headers=[*JSON_KIND, (b"X-LiteLLM-Timeout", value)])
    assert "'X-LiteLLM-Timeout' must be a number" in error_in(sent)["error"]["message"]
    assert endpoint.got == []


ENDPOINTS = (
    "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/responses", "/v1/embeddings",
    "/v1/completions", "/v1/rerank",
)  # fmt: skip
ODD: tuple[Any, ...] = (5, -1.5, True, [], ["x"], [{"a": 1}], {"a": {"b": []}}, "x")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("name", ["model", "user", "metadata", "litellm_metadata", "litellm_call_id"])
async def test_what_litellm_reads_before_it_knows_who_asks_is_of_its_type(path: str, name: str) -> None:
    is_text = name not in ("metadata", "litellm_metadata")
    for value in ODD:
        if isinstance(value, str if is_text else dict):
            continue
        endpoint, sent = await served(json.dumps({"model": "m", name: value}).encode(), path=path)
        told = error_in(sent)
        assert endpoint.got == []
        assert f"'{name}' must be" in told["error"]["message"]
        assert ("type" in told) == ("/messages" in path)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("value", ["null", "5", '{"litellm_params": {}}'])
async def test_a_logger_of_litellms_is_no_field(path: str, value: str) -> None:
    endpoint, sent = await served(f'{{"model": "m", "litellm_logging_obj": {value}}}'.encode(), path=path)
    assert "'litellm_logging_obj' is not a field" in error_in(sent)["error"]["message"]
    assert endpoint.got == []


@pytest.mark.parametrize("fields", ['"metadata": null, "user": null', '"metadata": {"a": 1}', '"user": "x"', ""])
async def test_what_is_of_its_type_or_absent_passes(fields: str) -> None:
    raw = f'{{"model": "m"{", " if fields else ""}{fields}}}'.encode()
    endpoint, _ = await served(raw)
    assert endpoint.got[0]["body"] == raw


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"model": "m", "temperature": NaN}', "'temperature' contains a number that is not finite"),
        (b'{"model": "m", "x": {"y": [-Infinity]}}', "'x' contains a number that is not finite"),
        (b'{"model": "m",}', "the body is no JSON: trailing comma at line 1 column 15"),
        (b'{"model": "secret', "the body is no JSON"),
        (b'{"user": "\\ud800"}', "the body is no JSON"),
        (b'{"user": "\xff"}', "the body is no JSON"),
    ],
)
@pytest.mark.parametrize("path", ENDPOINTS)
async def test_what_is_no_json_is_said_to_be_none(path: str, raw: bytes, words: str) -> None:
    endpoint, sent = await served(raw, path=path)
    told = error_in(sent)["error"]["message"]
    assert words in told
    assert "secret" not in told
    assert endpoint.got == []


async def test_a_body_of_many_values_is_parsed_by_litellm_alone() -> None:
    """Its odd fields are told later: see `let_refusals_stand`."""
    raw = json.dumps({"model": 5, "input": [{"a": 1}] * 30_000}).encode()
    endpoint, _ = await served(raw)
    assert endpoint.got[0]["body"] == raw


@pytest.mark.parametrize("name", [b"Anthropic-Beta", b"anthropic-version"])
async def test_a_header_that_is_sent_on_is_ascii(name: bytes) -> None:
    _, sent = await served(b'{"model": "x"}', headers=[*JSON_KIND, (name, b"\xff")])
    assert f"'{name.decode().lower()}' must be ASCII" in error_in(sent)["error"]["message"]
    _, sent = await served(b'{"model": "x"}', headers=[*JSON_KIND, (name, b"2023-06-01"), (b"x-other", b"\xff")])
    assert sent[0]["status"] == 204


@pytest.mark.parametrize(
    "stray",
    [
        b'"_litellm_messages_presanitized": true',
        b'"extra_headers": {"Authorization": "Bearer x"}',
        b'"headers": "x"',
        b'"provider_specific_header": {"extra_headers": {"content-length": "5"}}',
        b'"extra_body": {"extra_headers": {"x-amz-anything": "x"}}',
    ],
)
async def test_what_an_operator_chooses_is_refused_before_anybody_reads_it(stray: bytes) -> None:
    endpoint, sent = await served(b'{"model": "x", ' + stray + b"}")
    assert error_in(sent)["error"]["type"] == "invalid_request_error"
    assert endpoint.got == []


@pytest.mark.parametrize("path", ["/v1/mcp/server", "/config/pass_through_endpoint", "/v1/workflows/runs/r1/messages"])
async def test_an_administrator_says_which_headers_are_sent_on(path: str) -> None:
    raw = b'{"extra_headers": ["X-Tenant"], "headers": {"Authorization": "Bearer x"}, "_note": 1}'
    endpoint, sent = await served(raw, path=path)
    assert sent[0]["status"] == 204
    assert endpoint.got[0]["body"] == raw
