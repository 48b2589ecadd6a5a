"""Nesting, odd log-probabilities and viewers: neighbours of the inputs K19, K22 and N14, at every endpoint."""

import json
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.proxy.asked import Asked
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess
from tests.proxy.faults.conftest import PATHS, at_once, error_of
from tests.proxy.faults.neighbours import STREAMED, everybody_says
from tests.proxy.faults.test_odd_answers import chunk, completion
from tests.proxy.upstream import Reply, raw, raw_stream, says
from tests.proxy.waiting import eventually
from werkzeug import Response

pytestmark = pytest.mark.xdist_group("proxy-faults")

DEEP = 150
ROUTES = ("cached", "claude")


def nested(depth: int, leaf: Any = "string", *, how: str = "objects") -> Any:
    """Something in so many others."""
    for _ in range(depth):
        inner: Any = {"type": "object", "properties": {"a": leaf}} if how == "schema" else {"a": leaf}
        leaf = [leaf] if how == "lists" else inner
    return leaf


def text_of(depth: int) -> str:
    """JSON that is so deep, as a text: nobody's parser may fall over it."""
    return "[" * depth + "]" * depth


SCHEMAS: dict[str, Any] = {
    "a reference to itself": {"type": "object", "properties": {"a": {"$ref": "#"}}},
    "a circle of references": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "all of itself": {"allOf": [{"$ref": "#"}]},
    "not itself": {"not": {"$ref": "#"}},
    "itself twice": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}], "type": "object"},
    "a dynamic circle": {"$dynamicAnchor": "n", "$dynamicRef": "#n"},
    "items of itself": {"type": "array", "items": {"$ref": "#"}},
    "deep and fine": nested(25, {"type": "string"}, how="schema"),
}


def tool(dialect: str, schema: Any) -> Any:
    if dialect == "chat":
        return {"type": "function", "function": {"name": "f", "parameters": schema}}
    if dialect == "messages":
        return {"name": "f", "input_schema": schema}
    return {"type": "function", "name": "f", "parameters": schema}


def shaped(dialect: str, schema: Any) -> dict[str, Any]:
    """A request for an answer of this shape."""
    if dialect == "chat":
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}
    if dialect == "messages":
        return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    return {"text": {"format": {"type": "json_schema", "name": "x", "schema": schema}}}


def request(dialect: str, model: str, said: Any = None, **fields: Any) -> dict[str, Any]:
    said = f"Question {uuid4().hex}" if said is None else said
    body: dict[str, Any] = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": said}]}
    if dialect == "responses":
        body = {"model": model, "input": said if isinstance(said, str) else [{"role": "user", "content": said}]}
    return {**body, **fields}


def calls(dialect: str, arguments: str) -> dict[str, Any]:
    """A conversation in which the model called a tool with these arguments, as a text."""
    if dialect == "messages":
        return {
            "messages": [
                {"role": "user", "content": f"Do {uuid4().hex}"},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": arguments}}],
                },
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": arguments}]},
            ]
        }
    if dialect == "responses":
        return {
            "input": [
                {"role": "user", "content": f"Do {uuid4().hex}"},
                {"type": "function_call", "call_id": "t1", "name": "f", "arguments": arguments},
                {"type": "function_call_output", "call_id": "t1", "output": arguments},
            ]
        }
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return {
        "messages": [
            {"role": "user", "content": f"Do {uuid4().hex}"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "t1", "content": arguments},
        ]
    }


def places(dialect: str) -> dict[str, dict[str, Any]]:
    """Where in a request something may be nested."""
    deep = nested(DEEP)
    names = ("metadata", "whatever", "tool_choice", "stop", "user", "reasoning", "thinking", "prompt_variables",
             "model", "logit_bias", "timeout", "stream_options")  # fmt: skip
    return {
        "a tool's parameters": {"tools": [tool(dialect, nested(DEEP, how="schema"))]},
        "a tool's default": {"tools": [tool(dialect, {"type": "object", "default": deep})]},
        "a shape": shaped(dialect, nested(DEEP, how="schema")),
        "a list": {"whatever": nested(DEEP, how="lists")},
        **{name: {name: deep} for name in names},
    }


@STREAMED
@pytest.mark.parametrize("dialect", PATHS)
def test_whatever_is_nested_too_deeply_is_a_400_in_words(gateway: GatewayProcess, dialect: str, stream: bool) -> None:
    everybody_says(gateway)
    bodies = {
        f"{place} of {route}": {**request(dialect, route), **made, "stream": stream}
        for place, made in places(dialect).items()
        for route in ROUTES
    }
    bodies |= {f"content of {route}": request(dialect, route, [nested(DEEP)], stream=stream) for route in ROUTES}
    answers = at_once(*(partial(gateway.post, PATHS[dialect], body) for body in bodies.values()))
    odd = {name: one.text[:200] for name, one in zip(bodies, answers, strict=True) if one.status_code != 400}
    assert odd == {}
    for one in answers:
        error_of(one)


@STREAMED
@pytest.mark.parametrize("dialect", PATHS)
def test_texts_that_hold_deep_json_are_texts(gateway: GatewayProcess, dialect: str, stream: bool) -> None:
    everybody_says(gateway)
    bodies: dict[str, Any] = {}
    for route in ROUTES:
        for depth in (70, 20_000):
            bodies[f"{depth} in a call of {route}"] = {**request(dialect, route), **calls(dialect, text_of(depth))}
            bodies[f"{depth} in a question of {route}"] = request(dialect, route, f"{uuid4().hex} {text_of(depth)}")
    answers = at_once(*(partial(gateway.post, PATHS[dialect], {**body, "stream": stream}) for body in bodies.values()))
    odd = {name: one.text[:200] for name, one in zip(bodies, answers, strict=True) if one.status_code not in (200, 400)}
    assert odd == {}


@STREAMED
@pytest.mark.parametrize("dialect", PATHS)
def test_a_shape_that_goes_in_circles_hurts_nobody(gateway: GatewayProcess, dialect: str, stream: bool) -> None:
    everybody_says(gateway, '{"a": ' + '{"a": ' * 40 + "1" + "}" * 41)
    bodies = {
        f"{name} {how} of {route}": {**request(dialect, route, stream=stream), **made}
        for name, schema in SCHEMAS.items()
        for how, made in (("as shape", shaped(dialect, schema)), ("as tool", {"tools": [tool(dialect, schema)]}))
        for route in ("cached",)
    }
    answers = at_once(*(partial(gateway.post, PATHS[dialect], body) for body in bodies.values()))
    odd = {name: (one.status_code, one.text[:200]) for name, one in zip(bodies, answers, strict=True)
           if one.status_code not in (200, 400, 502) or "internal error" in one.text}  # fmt: skip
    assert odd == {}


@STREAMED
@pytest.mark.parametrize("depth", [70, 20_000])
@pytest.mark.parametrize("dialect", PATHS)
def test_what_a_provider_nests_deeply_is_an_answer_or_an_error_in_words(
    gateway: GatewayProcess, dialect: str, depth: int, stream: bool
) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {}}}
    text = '{"a": ' + text_of(depth) + "}"
    failed: dict[str, str] = {}
    for model in ("o-small", "o-large", "claude-haiku-4-5", "claude-opus-4-6"):
        gateway.upstream.on(model, says(text))
    for name, fields in (("a shape", shaped(dialect, schema)), ("a text", {})):
        for route in ("cached", "claude", "plainroute", "one"):
            answer = gateway.post(PATHS[dialect], {**request(dialect, route, stream=stream), **fields})
            if answer.status_code not in (200, 502) or "internal error" in answer.text:
                failed[f"{name} of {route}"] = f"{answer.status_code} {answer.text[:200]}"
    assert failed == {}


LOGPROBS: dict[str, Any] = {
    "a list": [], "a list of lists": [[]], "a text": "x", "a number": 5, "true": True, "no content": {},
    "content null": {"content": None}, "content an object": {"content": {}}, "content a text": {"content": "x"},
    "tokens of text": {"content": ["a", "b"]}, "tokens null": {"content": [None]},
    "a token without a number": {"content": [{"token": "a"}]},
    "a number as text": {"content": [{"token": "a", "logprob": "-0.1"}]},
    "a number that is true": {"content": [{"token": "a", "logprob": True}]},
    "no number": {"content": [{"token": "a", "logprob": float("nan")}]},
    "endless": {"content": [{"token": "a", "logprob": float("-inf")}]},
    "more than certain": {"content": [{"token": "a", "logprob": 5.0}]},
    "a number too large": {"content": [{"token": "a", "logprob": 10**400}]},
    "tops an object": {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": {"a": -0.1}}]},
    "tops of text": {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": ["a"]}]},
    "tops null": {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": None}]},
    "the older form": {"tokens": ["a"], "token_logprobs": [-0.1], "top_logprobs": [{"a": -0.1}], "text_offset": [0]},
    "bytes of text": {"content": [{"token": "a", "logprob": -0.1, "bytes": "x", "top_logprobs": []}]},
    "refusal a number": {"content": None, "refusal": 5}, "no tops": {"content": [{"token": "a", "logprob": -0.1}]},
}  # fmt: skip


def with_logprobs(odd: Any) -> Reply:
    """Says that it is fine, with this beside it."""

    def reply(asked: Asked) -> Response:
        if asked.get("stream"):
            first = chunk({"role": "assistant", "content": "Fine."})
            first["choices"][0]["logprobs"] = odd
            return raw_stream(first, chunk({}, "stop"))(asked)
        said = {"role": "assistant", "content": "Fine."}
        return raw(completion({"index": 0, "message": said, "finish_reason": "stop", "logprobs": odd}))(asked)

    return reply


@STREAMED
@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_odd_logprobs_are_as_if_there_were_none(gateway: GatewayProcess, dialect: str, stream: bool) -> None:
    failed: dict[str, str] = {}
    for name, odd in LOGPROBS.items():
        gateway.upstream.on("c-vllm", with_logprobs(odd))
        answer = gateway.post(PATHS[dialect], request(dialect, "cachedvllm", stream=stream, **asking_for(dialect)))
        if answer.status_code != 200 or "Fine." not in answer.text:
            failed[name] = f"{answer.status_code} {answer.text[:300]}"
    assert failed == {}


def asking_for(dialect: str) -> dict[str, Any]:
    return {"logprobs": True, "top_logprobs": 2} if dialect == "chat" else {}


@pytest.mark.parametrize("dialect", PATHS)
def test_half_a_character_is_no_failure(gateway: GatewayProcess, dialect: str) -> None:
    """JSON names it, UTF-8 cannot: a whole answer with one was a 500 after it had been paid for."""
    everybody_says(gateway, "A face: \ud83d")
    for route in ("one", "claudeone", "cached"):
        answer = gateway.post(PATHS[dialect], request(dialect, route))
        assert answer.status_code == 200, answer.text
        assert "A face: \\ud83d" in answer.text


@pytest.mark.parametrize(
    ("dialect", "route", "model"),
    [("messages", "cachedvllm", "c-vllm"), ("chat", "claudeone", "claude-opus-4-6"), ("chat", "one", "o-large")],
)
def test_all_stop_sequences_are_sent(gateway: GatewayProcess, dialect: str, route: str, model: str) -> None:
    """LiteLLM sent the first four, and said nothing."""
    everybody_says(gateway)
    stops = [f"S{number}" for number in range(6)]
    name = "stop" if dialect == "chat" else "stop_sequences"
    answer = gateway.post(PATHS[dialect], request(dialect, route, **{name: stops}))
    assert answer.status_code == 200, answer.text
    asked = gateway.upstream.asked(model)[-1]
    assert asked.get("stop") == stops or asked.get("stop_sequences") == stops


CHANGES = [
    ("POST", "/thriftgate/cache/purge"), ("POST", "/thriftgate/cache/purge/"), ("POST", "//thriftgate/cache/purge"),
    ("POST", "/thriftgate/cache//purge"), ("POST", "/thriftgate/%63ache/purge"), ("POST", "/thriftgate/./cache/purge"),
    ("POST", "/thriftgate/x/../cache/purge"), ("POST", "/THRIFTGATE/cache/purge"), ("PUT", "/thriftgate/cache/purge"),
    ("PATCH", "/thriftgate/cache/purge"), ("DELETE", "/thriftgate/cache/purge"), ("GET", "/thriftgate/cache/purge"),
    ("POST", "/thriftgate/revoke"), ("POST", "/thriftgate/keys"), ("POST", "/thriftgate/teams"),
    ("POST", "/thriftgate/users"), ("POST", "/thriftgate/keys/k1/revoke"), ("POST", "/thriftgate/keys/k1/rotate"),
]  # fmt: skip


@pytest.mark.parametrize("key", ["sk-viewer-acme-vera", CLIENT_KEY, "sk-nobody", ""])
def test_who_may_not_change_anything_finds_no_way_around(gateway: GatewayProcess, key: str) -> None:
    everybody_says(gateway)
    question = f"Kept {uuid4().hex}"
    asking = partial(gateway.post, PATHS["chat"], request("chat", "cached", question))
    assert eventually(lambda: asking().headers["x-thriftgate-decision"] == "exact_hit")
    purge = json.dumps({"route": "cached", "all": True, "entry_id": None}).encode()
    for method, path in CHANGES:
        headers = {"X-HTTP-Method-Override": "POST", "Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        answer = httpx.request(method, gateway.base_url + path, content=purge, headers=headers, timeout=60)
        told = f"{method} {path}: {answer.status_code} {answer.text[:200]}"
        assert answer.status_code in (303, 307, 401, 403, 404, 405, 422), told
        assert "Traceback" not in answer.text
    assert asking().headers["x-thriftgate-decision"] == "exact_hit"
