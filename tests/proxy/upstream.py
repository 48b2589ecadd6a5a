"""The providers behind the proxy: an HTTP server whose models do what a test says, in OpenAI's and Anthropic's APIs."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, takewhile
from typing import Any, cast

from pytest_httpserver import HTTPServer
from tests.proxy.asked import (
    DIALECTS,
    Asked,
    calls_natively,
    error_of,
    says_natively,
    streamed,
)
from tests.proxy.asked import (
    message as whole_message,
)
from tests.proxy.asked import (
    response as whole_response,
)
from werkzeug import Request, Response

from thriftgate.wire.turns import Dialect

Body = Mapping[str, Any]
Reply = Callable[[Asked], Response]


_NUMBERS = count()


class Upstream:
    """Answers every model by the reply that was set for it, and remembers what it was asked."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        # Several gateways of one run share the server; each has its own providers there.
        self._prefix = f"/providers-{next(_NUMBERS)}"
        self._replies: dict[str, Reply] = {}
        self._asked: list[Asked] = []
        self._lock = threading.Lock()
        self.closed_early: list[str] = []
        """Models whose stream was closed by the proxy before it had ended."""
        for path in DIALECTS:
            server.expect_request(self._prefix + path, method="POST").respond_with_handler(self._handle)

    @property
    def base_url(self) -> str:
        """OpenAI's, with the version in it, which LiteLLM adds to Anthropic's by itself."""
        return self.server.url_for(f"{self._prefix}/v1")

    def on(self, model: str, reply: Reply) -> None:
        """From now on `model` answers so."""
        self._replies[model] = reply

    def asked(self, model: str) -> list[Asked]:
        """The request bodies that `model` got, at whatever endpoint."""
        with self._lock:
            return [body for body in self._asked if body["model"] == model]

    def forget(self) -> None:
        with self._lock:
            self._asked.clear()
        self.closed_early.clear()

    def _handle(self, request: Request) -> Response:
        dialect = DIALECTS[request.path.removeprefix(self._prefix)]
        body = Asked(json.loads(request.get_data()), dialect, dict(request.headers))
        with self._lock:
            self._asked.append(body)
        reply = self._replies.get(body["model"])
        return reply(body) if reply else _json(error_of(body, 404, "no such model"), 404)


def usage(prompt: int = 10, completion: int = 4) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def says(
    text: str, *, logprob: float | None = -0.01, finish_reason: str = "stop", with_usage: bool = True, **message: Any
) -> Reply:
    """A plain answer, whole or streamed word by word; `logprob` for each of its tokens where a client may ask."""

    def reply(body: Asked) -> Response:
        if body.dialect is not Dialect.CHAT:
            tokens = [] if logprob is None else [_token(word, logprob) for word in _words(text)]
            return gives(says_natively(body, text, tokens, finish_reason=finish_reason))(body)
        wants_logprobs = bool(body.get("logprobs")) and logprob is not None
        if body.get("stream"):
            chunks = _chunks(body, text, logprob if wants_logprobs else None, finish_reason, with_usage, message)
            return sse(chunks)
        choice: dict[str, Any] = {
            "message": {"role": "assistant", "content": text, **message},
            "finish_reason": finish_reason,
            "logprobs": {"content": [_token(word, logprob) for word in _words(text)]} if wants_logprobs else None,
        }
        choices = [{"index": index, **choice} for index in range(_count(body))]
        answer: dict[str, Any] = {**_frame(body, "chat.completion"), "choices": choices}
        if with_usage:
            answer["usage"] = usage()
        return _json(answer)

    return reply


def gives(answer: Body) -> Reply:
    """This very answer, which is in the dialect that will be asked; streamed as its provider streams."""

    def reply(body: Asked) -> Response:
        if body.get("stream"):
            return Response(b"".join(streamed(body, answer)), 200, content_type="text/event-stream")
        return _json(answer)

    return reply


def fails(status: int, message: str = "the provider says no", headers: Mapping[str, str] | None = None) -> Reply:
    """An error in its provider's shape."""
    return lambda body: _json(error_of(body, status, message), status, headers)


def chokes_on(word: str, otherwise: Reply) -> Reply:
    """An internal error whenever the word is said."""
    return lambda body: fails(500)(body) if word in json.dumps(body.prompt) else otherwise(body)


def garbage() -> Reply:
    """Status 200 and a body that is no JSON."""
    return lambda _: Response("<html>502 from some load balancer</html>", 200, content_type="application/json")


def slow(seconds: float, reply: Reply) -> Reply:
    """Answers, but only after a while."""

    def late(body: Asked) -> Response:
        time.sleep(seconds)  # in the server's own thread: the provider is slow, not the test
        return reply(body)

    return late


def breaks_off(words: Sequence[str]) -> Reply:
    """A stream that ends after some words, without a finish reason and without an end."""

    def reply(body: Asked) -> Response:
        if body.dialect is Dialect.CHAT:
            return sse([_delta(body, {"content": word}) for word in words], done=False)
        events = streamed(body, says_natively(body, "".join(words), []))
        said = takewhile(lambda event: b"_stop" not in event and b"text.done" not in event, events)
        return Response(b"".join(said), 200, content_type="text/event-stream")

    return reply


def drips(upstream: Upstream, words: Sequence[str], pause: float) -> Reply:
    """A stream with a pause after each word; notes in `closed_early` when the reader goes away."""

    def reply(body: Asked) -> Response:
        def events() -> Iterator[bytes]:
            if body.dialect is not Dialect.CHAT:
                yield from streamed(body, says_natively(body, "".join(words), []))
                return
            for word in words:
                yield f"data: {json.dumps(_delta(body, {'content': word}))}\n\n".encode()
            yield from _ending(body)

        def stream() -> Iterator[bytes]:
            finished = False
            try:
                for event in events():
                    yield event
                    time.sleep(pause)
                finished = True
            finally:
                if not finished:
                    upstream.closed_early.append(str(body["model"]))

        return Response(stream(), 200, content_type="text/event-stream")

    return reply


def hesitates(upstream: Upstream) -> Reply:
    """A whole answer with blanks before it for ten seconds; notes in `closed_early` when the reader goes away."""

    def reply(body: Asked) -> Response:
        def blanks() -> Iterator[bytes]:
            finished = False
            try:
                for _ in range(100):
                    yield b" "
                    time.sleep(0.1)
                finished = True
            finally:
                if not finished:
                    upstream.closed_early.append(str(body["model"]))

        return Response(blanks(), 200, content_type="application/json")

    return reply


def calls_tool(name: str, arguments: Mapping[str, Any]) -> Reply:
    """An answer that asks for one tool call."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": "call_1", "type": "function", "function": function}

    def reply(body: Asked) -> Response:
        if body.dialect is not Dialect.CHAT:
            return gives(calls_natively(body, name, arguments))(body)
        if body.get("stream"):
            half = len(function["arguments"]) // 2
            pieces = [
                {"index": 0, **call, "function": {"name": name, "arguments": function["arguments"][:half]}},
                {"index": 0, "function": {"arguments": function["arguments"][half:]}},
            ]
            deltas = [_delta(body, {"tool_calls": [piece]}) for piece in pieces]
            return sse([*deltas, _delta(body, {}, "tool_calls"), {**_frame(body), "choices": [], "usage": usage()}])
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
        return _json({**_frame(body, "chat.completion"), "choices": choices, "usage": usage()})

    return reply


def says_and_calls(text: str, name: str, written: str) -> Reply:
    """An answer that says something and then asks for a call, its arguments as they are written."""

    def reply(body: Asked) -> Response:
        if body.dialect is not Dialect.CHAT:
            assert body.dialect is Dialect.RESPONSES, "Anthropic's API sends objects"
            part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
            said: dict[str, Any] = {
                "id": "msg_up",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [part],
            }
            call = {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": name,
                    "arguments": written}  # fmt: skip
            return gives(whole_response(body, [said, call]))(body)
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": written}}
        if body.get("stream"):
            words = [_delta(body, {"content": word}) for word in _words(text)]
            half = len(written) // 2
            first = {"index": 0, **call, "function": {"name": name, "arguments": written[:half]}}
            calls = [_delta(body, {"tool_calls": [one]}) for one in
                     (first, {"index": 0, "function": {"arguments": written[half:]}})]  # fmt: skip
            ending: list[dict[str, Any]] = [
                _delta(body, {}, "tool_calls"),
                {**_frame(body), "choices": [], "usage": usage()},
            ]
            return sse([*words, *calls, *ending])
        message = {"role": "assistant", "content": text, "tool_calls": [call]}
        choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
        return _json({**_frame(body, "chat.completion"), "choices": choices, "usage": usage()})

    return reply


def cuts_call(name: str, written: str) -> Reply:
    """An answer that was cut at its limit of tokens while it wrote the arguments of a call."""

    def reply(body: Asked) -> Response:
        if body.dialect is Dialect.MESSAGES:
            use: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
            return gives(whole_message(body, [use], stop_reason="max_tokens"))(body)
        if body.dialect is Dialect.RESPONSES:
            call = {"id": "fc_1", "type": "function_call", "status": "incomplete", "call_id": "call_1", "name": name,
                    "arguments": written}  # fmt: skip
            return gives(whole_response(body, [call], status="incomplete"))(body)
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": written}}
        if body.get("stream"):
            delta = _delta(body, {"tool_calls": [{"index": 0, **call}]})
            return sse([delta, _delta(body, {}, "length"), {**_frame(body), "choices": [], "usage": usage()}])
        said = {"role": "assistant", "content": None, "tool_calls": [call]}
        choices = [{"index": 0, "message": said, "finish_reason": "length"}]
        return _json({**_frame(body, "chat.completion"), "choices": choices, "usage": usage()})

    return reply


def sse(chunks: Sequence[Mapping[str, Any]], *, done: bool = True) -> Response:
    """Chunks as server-sent events."""
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return Response("".join([*lines, "data: [DONE]\n\n"] if done else lines), 200, content_type="text/event-stream")


def _frame(body: Body, kind: str = "chat.completion.chunk") -> dict[str, Any]:
    return {"id": "chatcmpl-up", "object": kind, "created": 1_700_000_000, "model": body["model"]}


def _delta(body: Body, delta: Mapping[str, Any], finish_reason: str | None = None, index: int = 0) -> dict[str, Any]:
    return {**_frame(body), "choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]}


def _ending(body: Body) -> Iterator[bytes]:
    yield f"data: {json.dumps(_delta(body, {}, 'stop'))}\n\n".encode()
    yield f"data: {json.dumps({**_frame(body), 'choices': [], 'usage': usage()})}\n\n".encode()
    yield b"data: [DONE]\n\n"


def _chunks(
    body: Body, text: str, logprob: float | None, finish_reason: str, with_usage: bool, message: Mapping[str, Any]
) -> list[dict[str, Any]]:
    chunks: list[dict[str, Any]] = []
    indexes = range(_count(body))
    for index in indexes:
        chunks.append(_delta(body, {"role": "assistant", "content": "", **message}, index=index))
        for word in _words(text):
            chunk = _delta(body, {"content": word}, index=index)
            if logprob is not None:
                chunk["choices"][0]["logprobs"] = {"content": [_token(word, logprob)]}
            chunks.append(chunk)
    chunks += [_delta(body, {}, finish_reason, index=index) for index in indexes]
    if with_usage:
        chunks.append({**_frame(body), "choices": [], "usage": usage()})
    return chunks


def _count(body: Body) -> int:
    """How many answers are asked for; 1 for what is no number."""
    wanted = body.get("n")
    return wanted if isinstance(wanted, int) and wanted > 0 else 1


def _words(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")[:-1]] + text.split(" ")[-1:]


def _token(word: str, logprob: float | None) -> dict[str, Any]:
    top = [{"token": word, "logprob": logprob, "bytes": None}, {"token": "?", "logprob": -9.0, "bytes": None}]
    return {"token": word, "logprob": logprob, "bytes": None, "top_logprobs": top}


def _json(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, dict(headers or {}), content_type="application/json")


def raw(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """This very JSON, whatever was asked; to whoever wants a stream too."""
    return lambda _: Response(json.dumps(body), status, dict(headers or {}), content_type="application/json")


def raw_stream(*events: object, done: bool = True) -> Reply:
    """These very events, in the framing of whichever provider is asked; whole to whoever asks so: the last one."""

    def reply(body: Asked) -> Response:
        if body.dialect is Dialect.CHAT:
            lines = [f"data: {json.dumps(event)}\n\n" for event in events]
            return Response("".join([*lines, *(["data: [DONE]\n\n"] if done else [])]), 200,
                            content_type="text/event-stream")  # fmt: skip
        lines = [f"event: {_kind(event)}\ndata: {json.dumps(event)}\n\n" for event in events]
        return Response("".join(lines), 200, content_type="text/event-stream")

    return reply


def _kind(event: object) -> str:
    return str(cast("Mapping[str, Any]", event).get("type")) if isinstance(event, Mapping) else "message"
