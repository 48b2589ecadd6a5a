"""A one-tier route beside the plain model group behind it: the tier is sent the same, and the client gets the same.

Samples of each dialect, whole and streamed in turns: every second one streamed. What may differ: the field
`thriftgate`, ids and times, and the model's name. In streams of Responses LiteLLM leaves the events' names out of the
framing and puts a field `model` into each event; a route streams as OpenAI does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest
from tests.proxy.conftest import CLAUDE, GatewayProcess
from tests.proxy.upstream import gives
from tests.wire_samples.dialects import SAMPLES, DialectSamples
from tests.wire_samples.samples import Sample

from thriftgate.wire.sse import SseDecoder
from thriftgate.wire.turns import Dialect

pytestmark = pytest.mark.xdist_group("proxy")

_PATHS = {
    Dialect.CHAT: "/v1/chat/completions",
    Dialect.MESSAGES: "/v1/messages",
    Dialect.RESPONSES: "/v1/responses",
}
_MAY_DIFFER = frozenset({"id", "item_id", "response_id", "created", "created_at", "completed_at", "thriftgate"})
_LEFT_OUT = {
    # Of an answer that says it failed the route asks the next tier, and has none left.
    "failed",
    # What a provider repeats of a request the played one cannot know; for this request it is not asked for.
    "logprobs",
}
_REFUSED_BY_LITELLM = {"unknown part", "content in parts"}
"""LiteLLM makes a 500 of these, with its own words; a route has its own for a tier that gave no answer."""


@dataclass(frozen=True)
class Pair:
    """A request and the answer that the provider gives, whole or streamed."""

    dialect: Dialect
    request: Sample
    answer: Sample
    is_streamed: bool

    def __str__(self) -> str:
        how = "streamed" if self.is_streamed else "whole"
        return f"{self.dialect.value}: {self.request}, {self.answer}, {how}"


@dataclass(frozen=True)
class Told:
    """What a provider was sent and what its client got."""

    sent: Any
    status: int
    got: Any


def pairs() -> list[Pair]:
    """Every request of every dialect once, and every answer once."""
    return [pair for samples in SAMPLES for pair in _pairs(samples)]


def _pairs(samples: DialectSamples) -> list[Pair]:
    plain_request, plain_answer = samples.requests[0], samples.answers[0]
    both = [(request, plain_answer) for request in samples.requests if request.name not in _REFUSED_BY_LITELLM]
    both += [
        (plain_request, answer) for answer in samples.answers[1:] if answer.name not in _LEFT_OUT | _REFUSED_BY_LITELLM
    ]
    return [
        Pair(samples.dialect, request, answer, is_streamed=bool(place % 2))
        for place, (request, answer) in enumerate(both)
    ]


@pytest.mark.parametrize("pair", pairs(), ids=str)
def test_a_route_of_one_tier_is_the_plain_model(gateway: GatewayProcess, pair: Pair) -> None:
    group, route = ("claude-large", "claude") if pair.dialect is Dialect.MESSAGES else ("gpt-large", "gpt")
    with httpx.Client(base_url=gateway.base_url, timeout=60) as http:
        plain, routed = (_asked(gateway, http, model, pair) for model in (group, route))
    assert routed.status == plain.status
    assert routed.sent == plain.sent
    if plain.status == 200:
        is_chat_stream = pair.is_streamed and pair.dialect is Dialect.CHAT
        assert routed.got == (_as_openai_streams(plain.got, pair.answer.body) if is_chat_stream else plain.got)


def _as_openai_streams(got: list[tuple[Any, Any]], answer: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """LiteLLM's chunks with the two things put right in which a route follows the provider and LiteLLM does not.

    The chunk with the usage has no choice; and each choice ends, with the word that the provider ended it with.
    """
    events = [(name, _without_empty_choice(chunk)) for name, chunk in got]
    chunks = [cast("dict[str, Any]", chunk) for _, chunk in events if isinstance(chunk, Mapping)]
    ended = {choice["index"] for chunk in chunks for choice in chunk["choices"] if choice.get("finish_reason")}
    missing = [choice for choice in answer["choices"] if choice["index"] not in ended]
    if missing:
        frame: dict[str, Any] = {name: value for name, value in chunks[0].items() if name not in ("choices", "usage")}
        endings: list[dict[str, Any]] = [
            {"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]} for choice in missing
        ]
        at = next(place for place, (_, chunk) in enumerate(events) if chunk == "[DONE]" or "usage" in chunk)
        events.insert(at, (None, {**frame, "choices": endings}))
    return events


def _without_empty_choice(chunk: Any) -> Any:
    if not isinstance(chunk, Mapping):
        return chunk  # the mark of the end
    fields = cast("Mapping[str, Any]", chunk)
    if not fields.get("usage") or any(one.get("finish_reason") or one.get("delta") for one in fields["choices"]):
        return fields
    return {**fields, "choices": []}


def _asked(gateway: GatewayProcess, http: httpx.Client, model: str, pair: Pair) -> Told:
    provider = CLAUDE if pair.dialect is Dialect.MESSAGES else "gpt-large"
    gateway.upstream.forget()
    gateway.upstream.on(provider, gives(_echoing(pair)))
    body = {**pair.request.body, "model": model}
    body.pop("stream", None)
    if pair.is_streamed:
        body["stream"] = True
    response = http.post(_PATHS[pair.dialect], json=body, headers=gateway.headers())
    sent = [(asked.dialect, _beta(asked.headers), dict(asked)) for asked in gateway.upstream.asked(provider)]
    return Told(sent, response.status_code, _got(response, pair, model))


def _echoing(pair: Pair) -> Mapping[str, Any]:
    """The answer, with what OpenAI repeats of a request to Responses."""
    answer, request = pair.answer.body, pair.request.body
    if pair.dialect is not Dialect.RESPONSES:
        return answer
    echoed = ("instructions", "metadata", "user", "safety_identifier", "prompt_cache_key")
    return {**answer, **{name: request[name] for name in echoed if request.get(name) is not None}}


def _beta(headers: Mapping[str, str]) -> str | None:
    return headers.get("anthropic-beta")


def _got(response: httpx.Response, pair: Pair, model: str) -> Any:
    if not pair.is_streamed or response.status_code != 200:
        return _comparable(json.loads(response.text), model)
    decoder = SseDecoder()
    events = [*decoder.feed(response.content), *decoder.flush()]
    if pair.dialect is not Dialect.RESPONSES:
        return [(event.event, _comparable(event.body or event.data, model)) for event in events]
    return [_without_model(_comparable(event.body or event.data, model)) for event in events]


def _without_model(event: Any) -> Any:
    if not isinstance(event, Mapping):
        return event
    return {name: value for name, value in cast("Mapping[str, Any]", event).items() if name != "model"}


def _comparable(value: Any, model: str) -> Any:
    """Without what may differ."""
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {name: _comparable(inner, model) for name, inner in fields.items() if name not in _MAY_DIFFER}
    if isinstance(value, list):
        return [_comparable(inner, model) for inner in cast("list[Any]", value)]
    return "the model" if value == model else value


def test_a_client_that_asks_for_usage_in_a_stream_gets_it_as_from_openai(gateway: GatewayProcess) -> None:
    """LiteLLM puts an empty choice beside it; OpenAI's last chunk has none."""
    answer = next(samples.answers[0].body for samples in SAMPLES if samples.dialect is Dialect.CHAT)
    gateway.upstream.on("gpt-large", gives(answer))
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True, "stream_options": {"include_usage": True}}
    response = gateway.post("/v1/chat/completions", {**body, "model": "gpt"})
    last = [event.body for event in SseDecoder().feed(response.content) if event.body][-1]
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] == answer["usage"]["prompt_tokens"]


def test_what_only_anthropic_has_reaches_it_through_a_route(gateway: GatewayProcess) -> None:
    """The parts that a translation to chat completions would lose."""
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Lima"}}
    failed = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no such city", "is_error": True}
    thought = {"type": "thinking", "thinking": "I need it.", "signature": "c2ln"}
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [thought, use]},
        {"role": "user", "content": [failed]},
    ]
    body = {
        "max_tokens": 4096,
        "messages": messages,
        "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "stop_sequences": ["END"],
    }
    answer = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": CLAUDE, "stop_reason": "stop_sequence",
        "stop_sequence": "END", "usage": {"input_tokens": 3, "output_tokens": 5},
        "content": [{"type": "thinking", "thinking": "Hm.", "signature": "c2lnMg=="}, {"type": "text", "text": "So"}],
    }  # fmt: skip
    gateway.upstream.on(CLAUDE, gives(answer))
    response = gateway.post("/v1/messages", {**body, "model": "claude"}, **{"anthropic-beta": "context-1m-2025-08-07"})
    (asked,) = gateway.upstream.asked(CLAUDE)
    assert {name: asked[name] for name in body} == body
    assert "context-1m-2025-08-07" in asked.headers["anthropic-beta"]
    told = response.json()
    assert (told["content"], told["stop_reason"], told["stop_sequence"]) == (
        answer["content"], "stop_sequence", "END"
    )  # fmt: skip
