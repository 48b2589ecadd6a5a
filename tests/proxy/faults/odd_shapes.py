"""What a provider may send instead of an answer: bodies and streams in each provider's own form."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.proxy.upstream import Asked, Reply
from werkzeug import Response

FINE = "Fine."
Shapes = dict[str, Any]

_NAN = float("nan")


def completion(*choices: Any, **more: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": list(choices),
            "usage": usage, **more}  # fmt: skip


def choice(content: Any = FINE, finish: Any = "stop", **more: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish, **more}


def message(content: Any = None, **more: Any) -> dict[str, Any]:
    blocks = [{"type": "text", "text": FINE}] if content is None else content
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks,
            "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 4},
            **more}  # fmt: skip


def response(output: Any = None, **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"type": "message", "id": "m1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": FINE, "annotations": []}]}  # fmt: skip
    usage = {"input_tokens": 10, "output_tokens": 4, "total_tokens": 14}
    return {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
            "output": [said] if output is None else output, "usage": usage, "error": None,
            "incomplete_details": None, **more}  # fmt: skip


def _usages(names: tuple[str, str], frame: Callable[[Any], Any]) -> Shapes:
    """The same answer with usage that nobody can believe."""
    first, second = names
    odd: Shapes = {
        "negative": {first: -5, second: -4},
        "absurd": {first: 10**15, second: 10**15},
        "texts": {first: "10", second: "4"},
        "fractions": {first: 1.5, second: 2.5},
        "booleans": {first: True, second: False},
        "nulls": {first: None, second: None},
        "half": {first: 10},
        "not a number": {first: _NAN, second: _NAN},
        "details odd": {first: 10, second: 4, f"{first}_details": "x", f"{second}_details": [1]},
        "null": None,
        "a text": "x",
        "a list": [1],
        "empty": {},
    }
    return {f"usage {name}": frame(usage) for name, usage in odd.items()}


CHAT: Shapes = {
    "choices null": completion() | {"choices": None},
    "choices empty": completion(),
    "choices object": completion() | {"choices": {"0": choice()}},
    "choices text": completion() | {"choices": "Fine."},
    "choices of null": completion(None),
    "choices missing": {"id": "x", "object": "chat.completion"},
    "no message": completion({"index": 0, "finish_reason": "stop"}),
    "message null": completion(choice() | {"message": None}),
    "message list": completion(choice() | {"message": [1]}),
    "content number": completion(choice(5)),
    "content list": completion(choice([{"type": "text", "text": FINE}])),
    "content null": completion(choice(None)),
    "content empty": completion(choice("")),
    "finish list": completion(choice(finish=["stop"])),
    "finish object": completion(choice(finish={"a": 1})),
    "finish boolean": completion(choice(finish=True)),
    "index text": completion(choice() | {"index": "0"}),
    "index null": completion(choice() | {"index": None}),
    "tool calls text": completion(choice() | {"message": {"role": "assistant", "content": FINE, "tool_calls": "x"}}),
    "tool call null": completion(choice() | {"message": {"role": "assistant", "content": FINE, "tool_calls": [None]}}),
    "arguments object": completion(
        choice(finish="tool_calls")
        | {"message": {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]}}),
    "function null": completion(
        choice(finish="tool_calls")
        | {"message": {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": None}]}}),
    "role odd": completion(choice() | {"message": {"role": 5, "content": FINE}}),
    "id number": completion(choice(), id=5),
    "created text": completion(choice(), created="yesterday"),
    "model null": completion(choice(), model=None),
    "logprobs odd": completion(choice() | {"logprobs": [1]}),
    "an error": {"error": {"message": "overloaded", "type": "server_error", "code": 500}},
    "an error text": {"error": "overloaded"},
    "an error beside an answer": completion(choice(), error={"message": "overloaded"}),
    "a detail": {"detail": "Not Found"},
    "a list": [1],
    "a text": "hello",
    "a number": 5,
    "null": None,
    "empty object": {},
    **_usages(("prompt_tokens", "completion_tokens"), lambda usage: completion(choice(), usage=usage)),
}  # fmt: skip

MESSAGES: Shapes = {
    "content null": message() | {"content": None},
    "content text": message() | {"content": FINE},
    "content object": message() | {"content": {"type": "text", "text": FINE}},
    "content of texts": message([FINE]),
    "content of null": message([None]),
    "content empty": message([]),
    "content missing": {"id": "x", "type": "message"},
    "block without type": message([{"text": FINE}]),
    "unknown block": message([{"type": "hologram", "x": 1}, {"type": "text", "text": FINE}]),
    "text number": message([{"type": "text", "text": 5}]),
    "text null": message([{"type": "text", "text": None}]),
    "tool input text": message([{"type": "tool_use", "id": "1", "name": "f", "input": "x"}], stop_reason="tool_use"),
    "tool input null": message([{"type": "tool_use", "id": "1", "name": "f", "input": None}], stop_reason="tool_use"),
    "tool without name": message([{"type": "tool_use", "id": "1"}], stop_reason="tool_use"),
    "thinking null": message([{"type": "thinking", "thinking": None}, {"type": "text", "text": FINE}]),
    "stop number": message(stop_reason=5),
    "stop null": message(stop_reason=None),
    "stop list": message(stop_reason=["end_turn"]),
    "role odd": message(role=5),
    "id null": message(id=None),
    "model number": message(model=7),
    "type missing": {name: value for name, value in message().items() if name != "type"},
    "an error": {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}},
    "an error text": {"error": "overloaded"},
    "a list": [1],
    "a text": "hello",
    "null": None,
    "empty object": {},
    **_usages(("input_tokens", "output_tokens"), lambda usage: message(usage=usage)),
}

RESPONSES: Shapes = {
    "output null": response() | {"output": None},
    "output empty": response([]),
    "output text": response() | {"output": FINE},
    "output object": response() | {"output": {"type": "message"}},
    "output of null": response([None]),
    "output of texts": response([FINE]),
    "output missing": {"id": "x", "object": "response", "status": "completed"},
    "unknown item": response([{"type": "hologram"}, *response()["output"]]),
    "content null": response([{"type": "message", "role": "assistant", "content": None}]),
    "content text": response([{"type": "message", "role": "assistant", "content": FINE}]),
    "text number": response(
        [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": 5}]}]
    ),
    "text null": response(
        [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": None}]}]
    ),
    "arguments object": response([{"type": "function_call", "call_id": "1", "name": "f", "arguments": {"a": 1}}]),
    "call without name": response([{"type": "function_call", "call_id": "1"}]),
    "status failed": response(status="failed", error={"code": "server_error", "message": "x"}),
    "status incomplete": response(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
    "status in progress": response(status="in_progress"),
    "status unheard of": response(status="burnt_out"),
    "status null": response(status=None),
    "status number": response(status=5),
    "id null": response(id=None),
    "created text": response(created_at="yesterday"),
    "model number": response(model=7),
    "an error": {"error": {"message": "overloaded", "type": "server_error", "code": 500}},
    "an error beside an answer": response(error={"code": "server_error", "message": "overloaded"}),
    "an error text": {"error": "overloaded"},
    "a list": [1],
    "a text": "hello",
    "null": None,
    "empty object": {},
    **_usages(("input_tokens", "output_tokens"), lambda usage: response(usage=usage)),
}

WHOLE = {"chat": CHAT, "messages": MESSAGES, "responses": RESPONSES}


def chunk(delta: Any = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}],
            **more}  # fmt: skip


_SAID = chunk({"role": "assistant", "content": "Half"})
_END = chunk({}, "stop")
_USED: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
         "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}}  # fmt: skip
DONE = "[DONE]"
CHAT_STREAMS: Shapes = {
    "nothing": [],
    "only done": [DONE],
    "only a beginning": [chunk({"role": "assistant", "content": ""}), DONE],
    "cut": [_SAID],
    "done without an ending": [_SAID, DONE],
    "no done": [_SAID, _END],
    "error word": [_SAID, chunk({}, "error"), DONE],
    "unheard-of word": [_SAID, chunk({}, "burnt_out"), DONE],
    "aborted": [_SAID, chunk({}, "abort"), DONE],
    "word beside text": [chunk({"role": "assistant", "content": "Half"}, "burnt_out"), _USED, DONE],
    "finish number": [_SAID, chunk({}, 7), DONE],
    "finish list": [_SAID, chunk({}, ["stop"]), DONE],
    "error first": [{"error": {"message": "boom", "code": 500}}, DONE],
    "error after one": [_SAID, {"error": {"message": "boom", "code": 500}}, DONE],
    "error text after one": [_SAID, {"error": "boom"}, DONE],
    "error after the ending": [_SAID, _END, {"error": {"message": "boom", "code": 500}}, DONE],
    "two endings": [_SAID, _END, _END, DONE],
    "text after the ending": [_SAID, _END, chunk({"content": "more"}), DONE],
    "choices null": [_SAID, chunk() | {"choices": None}, _END, DONE],
    "choices missing": [_SAID, {"id": "c"}, _END, DONE],
    "choices object": [chunk() | {"choices": {"a": 1}}, _SAID, _END, DONE],
    "delta null": [_SAID, chunk() | {"choices": [{"index": 0, "delta": None, "finish_reason": None}]}, _END, DONE],
    "delta missing": [_SAID, chunk() | {"choices": [{"index": 0}]}, _END, DONE],
    "content number": [chunk({"content": 5}), _END, DONE],
    "content list": [chunk({"content": [{"type": "text", "text": "x"}]}), _END, DONE],
    "tool calls text": [chunk({"tool_calls": "x"}), _END, DONE],
    "tool call null": [chunk({"tool_calls": [None]}), _END, DONE],
    "index text": [
        chunk() | {"choices": [{"index": "0", "delta": {"content": "x"}, "finish_reason": None}]}, _END, DONE],
    "usage text": [_SAID, _END, _USED | {"usage": "x"}, DONE],
    "usage negative": [_SAID, _END, _USED | {"usage": {"prompt_tokens": -5, "completion_tokens": -5}}, DONE],
    "usage absurd": [_SAID, _END, _USED | {"usage": {"prompt_tokens": 10**15, "completion_tokens": 10**15,
                                                     "total_tokens": 2 * 10**15}}, DONE],
    "usage not a number": [_SAID, _END, _USED | {"usage": {"prompt_tokens": _NAN, "completion_tokens": 1}}, DONE],
    "a list": [[1], DONE],
    "a text": ["hello", DONE],
    "null": [None, DONE],
    "unknown object": [{"object": "ping"}, _SAID, _END, DONE],
}  # fmt: skip

_MSG = message([], stop_reason=None)
_START: dict[str, Any] = {"type": "message_start", "message": _MSG}
_BLOCK: dict[str, Any] = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
_TEXT: dict[str, Any] = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Half"}}
_BLOCK_STOP = {"type": "content_block_stop", "index": 0}
_STOP = {"type": "message_stop"}


def _delta(reason: Any = "end_turn", usage: Any = None) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": 4} if usage is None else usage}  # fmt: skip


_ERROR: dict[str, Any] = {"type": "error", "error": {"type": "overloaded_error", "message": "boom"}}
MESSAGES_STREAMS: Shapes = {
    "nothing": [],
    "only a start": [_START],
    "only a ping": [{"type": "ping"}],
    "cut": [_START, _BLOCK, _TEXT],
    "no ending": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _STOP],
    "no stop event": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta()],
    "ending null": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta(None), _STOP],
    "unheard-of word": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta("burnt_out"), _STOP],
    "paused": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta("pause_turn"), _STOP],
    "ending number": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta(7), _STOP],
    "ending list": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta(["end_turn"]), _STOP],
    "error first": [_ERROR],
    "error after the start": [_START, _ERROR],
    "error after some": [_START, _BLOCK, _TEXT, _ERROR],
    "error after the ending": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta(), _ERROR],
    "no start": [_BLOCK, _TEXT, _BLOCK_STOP, _delta(), _STOP],
    "two starts": [_START, _START, _BLOCK, _TEXT, _BLOCK_STOP, _delta(), _STOP],
    "delta before its block": [_START, _TEXT, _BLOCK, _BLOCK_STOP, _delta(), _STOP],
    "block twice": [_START, _BLOCK, _BLOCK, _TEXT, _BLOCK_STOP, _BLOCK_STOP, _delta(), _STOP],
    "two stops": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta(), _STOP, _STOP],
    "unknown event": [_START, {"type": "hologram", "x": 1}, _BLOCK, _TEXT, _BLOCK_STOP, _delta(), _STOP],
    "unknown delta": [_START, _BLOCK, _TEXT, {"type": "content_block_delta", "index": 0, "delta": {"type": "x"}},
                      _BLOCK_STOP, _delta(), _STOP],
    "delta null": [
        _START, _BLOCK, {"type": "content_block_delta", "index": 0, "delta": None}, _BLOCK_STOP, _delta(), _STOP],
    "text number": [
        _START, _BLOCK, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 5}},
                    _BLOCK_STOP, _delta(), _STOP],
    "index text": [_START, _BLOCK | {"index": "0"}, _TEXT | {"index": "0"}, _BLOCK_STOP, _delta(), _STOP],
    "message null": [{"type": "message_start", "message": None}, _BLOCK, _TEXT, _BLOCK_STOP, _delta(), _STOP],
    "usage text": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta(usage="x"), _STOP],
    "usage negative": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta(usage={"output_tokens": -5}), _STOP],
    "usage absurd": [_START, _BLOCK, _TEXT, _BLOCK_STOP, _delta(usage={"output_tokens": 10**15}), _STOP],
    "a list": [[1]],
    "a text": ["hello"],
    "null": [None],
}  # fmt: skip

_R_STARTED: dict[str, Any] = {
    "type": "response.created",
    "sequence_number": 0,
    "response": response([], status="in_progress", usage=None),
}
_ITEM: dict[str, Any] = {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
         "item": {
             "type": "message", "id": "m1", "role": "assistant", "status": "in_progress", "content": []}}  # fmt: skip
_PART: dict[str, Any] = {"type": "response.content_part.added", "sequence_number": 2, "output_index": 0,
         "content_index": 0,
         "item_id": "m1", "part": {"type": "output_text", "text": "", "annotations": []}}  # fmt: skip
_R_TEXT: dict[str, Any] = {"type": "response.output_text.delta", "sequence_number": 3, "output_index": 0,
           "content_index": 0,
           "item_id": "m1", "delta": "Half"}  # fmt: skip
_BEGUN: list[dict[str, Any]] = [_R_STARTED, _ITEM, _PART, _R_TEXT]


def _ended(kind: str = "response.completed", **more: Any) -> dict[str, Any]:
    return {"type": kind, "sequence_number": 9, "response": response(**more)}


_FAILED = _ended("response.failed", status="failed", error={"code": "server_error", "message": "boom"})
RESPONSES_STREAMS: Shapes = {
    "nothing": [],
    "only a beginning": [_R_STARTED],
    "cut": _BEGUN,
    "cancelled": [*_BEGUN, _ended("response.cancelled", status="cancelled")],
    "incomplete": [*_BEGUN, _ended("response.incomplete", status="incomplete",
                                   incomplete_details={"reason": "max_output_tokens"})],
    "failed first": [_FAILED],
    "failed after some": [*_BEGUN, _FAILED],
    "error first": [{"type": "error", "code": "server_error", "message": "boom", "param": None, "sequence_number": 0}],
    "error after some": [
        *_BEGUN, {"type": "error", "code": "x", "message": "boom", "param": None, "sequence_number": 4}],
    "completed with another status": [*_BEGUN, _ended(status="burnt_out")],
    "completed with an error": [*_BEGUN, _ended(status="failed", error={"code": "x", "message": "boom"})],
    "completed without response": [*_BEGUN, {"type": "response.completed", "sequence_number": 9}],
    "completed null": [*_BEGUN, {"type": "response.completed", "sequence_number": 9, "response": None}],
    "two endings": [*_BEGUN, _ended(), _ended()],
    "no beginning": [_ITEM, _PART, _R_TEXT, _ended()],
    "delta first": [_R_TEXT, _R_STARTED, _ended()],
    "unknown event": [_R_STARTED, {"type": "response.hologram", "sequence_number": 1}, *_BEGUN[1:], _ended()],
    "event without type": [_R_STARTED, {"x": 1}, *_BEGUN[1:], _ended()],
    "delta number": [*_BEGUN[:3], _R_TEXT | {"delta": 5}, _ended()],
    "index text": [*_BEGUN[:3], _R_TEXT | {"output_index": "0"}, _ended()],
    "item null": [_R_STARTED, _ITEM | {"item": None}, _R_TEXT, _ended()],
    "usage text": [*_BEGUN, _ended(usage="x")],
    "usage null": [*_BEGUN, _ended(usage=None)],
    "usage negative": [*_BEGUN, _ended(usage={"input_tokens": -5, "output_tokens": -5, "total_tokens": -10})],
    "usage absurd": [*_BEGUN, _ended(usage={"input_tokens": 10**15, "output_tokens": 4, "total_tokens": 4})],
    "a list": [[1]],
    "a text": ["hello"],
    "null": [None],
}  # fmt: skip

STREAMS = {"chat": CHAT_STREAMS, "messages": MESSAGES_STREAMS, "responses": RESPONSES_STREAMS}


def sends(body: object) -> Reply:
    """This JSON, NaN included, whatever was asked."""
    return lambda _: Response(json.dumps(body), 200, content_type="application/json")


def streams(events: list[Any]) -> Reply:
    """These events as the asked provider frames them, and nothing after."""

    def reply(asked: Asked) -> Response:
        lines: list[str] = []
        for event in events:
            named = isinstance(event, Mapping) and asked.dialect != "chat" and "type" in event
            lines.append((f"event: {event['type']}\n" if named else "")
                         + f"data: {event if event == DONE else json.dumps(event)}\n\n")  # fmt: skip
        return Response("".join(lines), 200, content_type="text/event-stream")

    return reply


PAGES: dict[str, Reply] = {
    "html": lambda _: Response("<html><body>502 Bad Gateway</body></html>", 200, content_type="text/html"),
    "html said to be JSON": lambda _: Response("<html>x</html>", 200, content_type="application/json"),
    "nothing at all": lambda _: Response("", 200, content_type="application/json"),
    "broken JSON": lambda _: Response('{"id": "x", "choices": [', 200, content_type="application/json"),
    "not UTF-8": lambda _: Response(b'{"id": "\xff\xfe"}', 200, content_type="application/json"),
    "status 204": lambda _: Response("", 204),
    "status 302": lambda _: Response("", 302, {"location": "/elsewhere"}),
    "status 418": lambda _: Response("teapot", 418),
}
