"""A one-tier route beside the plain model group behind it: the tier is sent the same, and the client gets the same.

More than 200 exchanges of each dialect, each whole and streamed, the streams as their providers send them. Everything
is compared, ids as well; what differs is written down here by its path and with its reason, and nothing else may:

- `model` is the name that the client asked for, and `thriftgate` is ours.
- The id of a response is made by LiteLLM for its reader with a nonce; that it leads on is a test of its own.
- `created` of a chat stream is LiteLLM's own clock in both.
- OpenAI's chunk with the usage has no choice, and each choice ends with the provider's word: LiteLLM has an empty one
  beside the usage, ends only the first of several, and calls an ending `stop` that it has no word for.
- In streams of Responses LiteLLM leaves the events' names out of the framing and puts a field `model` into each event.
- Where a provider counts no tokens LiteLLM says 0; a route counts them, as it charges them.
- Where a tier gives no answer a route says 502; what LiteLLM trips over (500) is that, and so is a failed response.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import httpx
import pytest
from tests.proxy.asked import Asked
from tests.proxy.conftest import CLAUDE, GatewayProcess
from tests.proxy.upstream import Reply, gives
from tests.proxy.waiting import eventually
from tests.wire_samples.dialects import SAMPLES
from tests.wire_samples.exchanges import Exchange, exchanges
from tests.wire_samples.responses_answers import response, says, words
from werkzeug import Response

from thriftgate.wire.streaming.sse import SseDecoder, encode
from thriftgate.wire.turns import Dialect

pytestmark = pytest.mark.xdist_group("proxy")

Json = Mapping[str, Any]

_PATHS = {
    Dialect.CHAT: "/v1/chat/completions",
    Dialect.MESSAGES: "/v1/messages",
    Dialect.RESPONSES: "/v1/responses",
}
_STREAMS = {samples.dialect: samples.stream for samples in SAMPLES}
_BETA = {"anthropic-beta": "context-1m-2025-08-07,brand-new-2099-01-01"}
_REASONING = ("reasoning_effort", "verbosity", "reasoning")
"""Fields that LiteLLM refuses of a model which it does not know to reason."""
_REPEATED = ("instructions", "metadata", "user", "safety_identifier", "prompt_cache_key")
"""What OpenAI repeats of a request to Responses."""
_UNHEARD_OF = frozenset(
    {
        "brand_new",
        "empty",
        "nothing",
        "zero",
        "no",
        "blank",
        "diagnostics",
        "fallback_credit",
        "conversation",
        "moderation",
    }
)
"""Fields of the samples that LiteLLM has never heard of: a plain model leaves them out and says nothing."""
_BATCH = 20


@dataclass(frozen=True)
class Told:
    """What a provider was sent and what its client got."""

    sent: Any
    status: int
    got: Any


def batches() -> list[Any]:
    """All exchanges, some in each test."""
    return [
        pytest.param(batch, is_streamed, id=f"{dialect}-{'streamed' if is_streamed else 'whole'}-{place}")
        for dialect in Dialect
        for is_streamed in (False, True)
        for place, batch in enumerate(_batched(exchanges(dialect)))
    ]


def _batched(all_of_them: Sequence[Exchange]) -> Iterator[Sequence[Exchange]]:
    yield from (all_of_them[at : at + _BATCH] for at in range(0, len(all_of_them), _BATCH))


@pytest.fixture(scope="module")
def http(gateway_process: GatewayProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway_process.base_url, timeout=60, headers=gateway_process.headers()) as client:
        yield client


@pytest.mark.parametrize("dialect", list(Dialect))
def test_there_are_200_exchanges_of_each_dialect_and_no_two_are_alike(dialect: Dialect) -> None:
    found = {json.dumps([one.request, one.answer], sort_keys=True) for one in exchanges(dialect)}
    assert len(found) == len(exchanges(dialect)) >= 200


@pytest.mark.parametrize(("batch", "is_streamed"), batches())
def test_a_route_of_one_tier_is_the_plain_model(
    gateway: GatewayProcess, http: httpx.Client, batch: Sequence[Exchange], is_streamed: bool
) -> None:
    for exchange in batch:
        _compare(gateway, http, exchange, is_streamed)


def _compare(gateway: GatewayProcess, http: httpx.Client, exchange: Exchange, is_streamed: bool) -> None:
    group, route, provider = _models(exchange)
    plain, routed = (_asked(gateway, http, model, provider, exchange, is_streamed) for model in (group, route))
    unheard_of = _UNHEARD_OF.intersection(exchange.request)
    if unheard_of and exchange.dialect is not Dialect.CHAT:
        wanted = {name: exchange.request[name] for name in unheard_of if exchange.request[name] is not None}
        plain = replace(plain, sent=[(*before, {**body, **wanted}) for *before, body in plain.sent])
    assert routed.sent == plain.sent, exchange
    if plain.status == 500 or (exchange.answer.get("status") == "failed" and plain.status == 200):
        assert routed.status == 502, exchange
        return
    assert routed.status == plain.status, exchange
    assert routed.got == plain.got, exchange


def _models(exchange: Exchange) -> tuple[str, str, str]:
    """A plain model group, the route in front of it, and what the provider calls the model."""
    if exchange.dialect is Dialect.MESSAGES:
        return "claude-large", "claude", CLAUDE
    if any(exchange.request.get(name) for name in _REASONING):
        return "reasoner-large", "reasoner", "gpt-5-mini"
    return "gpt-large", "gpt", "gpt-large"


def _asked(
    gateway: GatewayProcess, http: httpx.Client, model: str, provider: str, exchange: Exchange, is_streamed: bool
) -> Told:
    answer = _echoing(exchange)
    gateway.upstream.forget()
    gateway.upstream.on(provider, _plays(exchange.dialect, answer))
    left_out = {"stream"} if is_streamed else {"stream", "stream_options"}
    body = {name: value for name, value in exchange.request.items() if name not in left_out} | {"model": model}
    headers = _BETA if exchange.dialect is Dialect.MESSAGES else {}
    answered = http.post(
        _PATHS[exchange.dialect], json={**body, "stream": True} if is_streamed else body, headers=headers
    )
    sent = [
        (asked.dialect, asked.headers.get("anthropic-beta"), dict(asked)) for asked in gateway.upstream.asked(provider)
    ]
    if answered.status_code != 200 or not is_streamed:
        got: Any = _comparable(exchange, json.loads(answered.text), answer, model)
    else:
        events = [(one.event, one.body or one.data) for one in _events(answered.content)]
        got = [_event_comparable(exchange, *event, model) for event in events]
        if exchange.dialect is Dialect.CHAT:
            got = _as_openai_streams(got, answer)
    return Told(sent, answered.status_code, got)


def _events(content: bytes) -> Iterator[Any]:
    decoder = SseDecoder()
    yield from decoder.feed(content)
    yield from decoder.flush()


def _plays(dialect: Dialect, answer: Json) -> Reply:
    """The provider: the answer whole, or cut into pieces and streamed as it streams."""

    def reply(asked: Asked) -> Response:
        if not asked.get("stream"):
            return gives(answer)(asked)
        wants: Any = asked.get("stream_options") or {}
        options = {"include_usage": bool(wants.get("include_usage"))} if dialect is Dialect.CHAT else {}
        events = cast("Any", _STREAMS[dialect])(answer, _in_four, **options)
        end = b"data: [DONE]\n\n" if dialect is Dialect.CHAT else b""
        content = b"".join(encode(dialect, event) for event in events) + end
        return Response(content, 200, content_type="text/event-stream")

    return reply


def _in_four(text: str) -> list[str]:
    size = max(1, -(-len(text) // 4))
    return [text[at : at + size] for at in range(0, len(text), size)]


def _echoing(exchange: Exchange) -> Json:
    if exchange.dialect is not Dialect.RESPONSES:
        return exchange.answer
    repeated = {name: exchange.request[name] for name in _REPEATED if exchange.request.get(name) is not None}
    return {**exchange.answer, **repeated}


def _comparable(exchange: Exchange, body: Json, answer: Json, model: str) -> Json:
    """A whole answer without what may differ."""
    if body.get("error"):
        return body
    shown = {name: value for name, value in body.items() if name != "thriftgate"}
    assert shown.pop("model") == model, exchange
    if exchange.dialect is Dialect.RESPONSES:
        shown.pop("id")
    if exchange.dialect is Dialect.CHAT and not answer.get("usage"):
        shown.pop("usage")
    return shown


def _event_comparable(exchange: Exchange, name: str | None, event: Any, model: str) -> tuple[str | None, Any]:
    """An event of a stream, the same way."""
    if not isinstance(event, Mapping):
        return name, event  # the mark of the end
    shown = {field: value for field, value in cast("Json", event).items() if field != "thriftgate"}
    if exchange.dialect is Dialect.CHAT:
        assert shown.pop("model") == model, exchange
        del shown["created"]
    elif exchange.dialect is Dialect.MESSAGES:
        if "message" in shown:
            shown["message"] = {**shown["message"]}
            assert shown["message"].pop("model") == model, exchange
    else:
        name = None
        shown.pop("model", None)
        if "response" in shown:
            shown["response"] = {k: v for k, v in shown["response"].items() if k not in ("id", "thriftgate")}
    return name, shown


def _as_openai_streams(got: list[tuple[Any, Any]], answer: Json) -> list[tuple[Any, Any]]:
    """Chunks with the three things put right in which a route follows the provider and LiteLLM does not."""
    events = [(name, _with_plain_choices(chunk)) for name, chunk in got]
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


def _with_plain_choices(chunk: Any) -> Any:
    if not isinstance(chunk, Mapping):
        return chunk  # the mark of the end
    fields = cast("Json", chunk)
    if fields.get("usage") and not any(one.get("finish_reason") or one.get("delta") for one in fields["choices"]):
        return {**fields, "choices": []}
    return {**fields, "choices": [_without_native_word(one) for one in fields["choices"]]}


def _without_native_word(choice: Json) -> Json:
    beside = choice.get("provider_specific_fields")
    if not choice.get("finish_reason") or not beside or list(beside) != ["native_finish_reason"]:
        return choice
    return {name: value for name, value in choice.items() if name != "provider_specific_fields"}


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("is_continued_streamed", [False, True], ids=["whole after it", "streamed after it"])
def test_the_id_of_a_response_leads_on_for_who_got_it_and_for_nobody_else(
    gateway: GatewayProcess, is_streamed: bool, is_continued_streamed: bool
) -> None:
    gateway.upstream.on("gpt-large", gives(response(says(words("A cat joke.")))))
    asked = {"model": "gpt", "input": "A joke", "stream": is_streamed}
    told = gateway.post("/v1/responses", asked)
    bodies = [event.body["response"] for event in _events(told.content) if event.body and "response" in event.body]
    (given,) = {one["id"] for one in (bodies if is_streamed else [told.json()])}
    goes_on = {"model": "gpt", "input": "Another", "previous_response_id": given, "stream": is_continued_streamed}
    gateway.upstream.forget()
    assert gateway.post("/v1/responses", goes_on).status_code == 200
    assert [one["previous_response_id"] for one in gateway.upstream.asked("gpt-large")] == ["resp_01Aa"]
    assert gateway.post("/v1/responses", goes_on, "sk-biller-acme-carol").status_code == 403


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_headers_are_those_of_the_tier_that_answered(
    gateway: GatewayProcess, http: httpx.Client, dialect: Dialect, is_streamed: bool
) -> None:
    exchange = exchanges(dialect)[0]
    group, route, provider = _models(exchange)
    plays = _plays(dialect, exchange.answer)

    def limited(asked: Asked) -> Response:
        answer = plays(asked)
        answer.headers.update({"x-request-id": "req_9", "x-ratelimit-remaining-tokens": "77"})
        return answer

    gateway.upstream.on(provider, limited)
    body = {**exchange.request, "stream": is_streamed}
    plain, routed = (
        _comparable_headers(http.post(_PATHS[dialect], json={**body, "model": model}), is_streamed)
        for model in (group, route)
    )
    assert {"x-litellm-model-group", "x-litellm-model-id", "x-litellm-model-name"} <= plain.keys()
    if dialect is Dialect.MESSAGES:  # of such an answer LiteLLM counts the parts of its cost when ours is told
        plain = {name: value for name, value in plain.items() if not name.startswith("x-litellm-response-cost-")}
    assert routed == plain


_OF_EACH_CALL = ("call-id", "duration-ms", "llm_provider-date", "traceparent", "x-thriftgate", "content-length", "date")


def _comparable_headers(answer: httpx.Response, is_streamed: bool) -> dict[str, object]:
    """Those that say the same of two calls; of a stream's cost LiteLLM writes zeros, which it is not."""
    assert answer.status_code == 200
    left_out = (*_OF_EACH_CALL, *(["response-cost"] if is_streamed else []))
    return {
        name: pytest.approx(float(value)) if "cost" in name or "spend" in name else value
        for name, value in answer.headers.items()
        if not any(part in name for part in left_out)
    }


def test_a_hit_has_no_headers_of_a_call_that_was_not_made(gateway: GatewayProcess, http: httpx.Client) -> None:
    gateway.upstream.on("large", gives(exchanges(Dialect.CHAT)[0].answer))
    asked = {"model": "cached", "messages": [{"role": "user", "content": "Which headers has a hit?"}]}
    assert eventually(lambda: _decision(http.post("/v1/chat/completions", json=asked)) == "exact_hit")
    for is_streamed in (False, True):
        hit = http.post("/v1/chat/completions", json={**asked, "stream": is_streamed})
        assert _decision(hit) == "exact_hit"
        assert {name for name in hit.headers if name.startswith(("llm_provider", "x-litellm", "x-ratelimit"))} == {
            "x-litellm-call-id", "x-litellm-key-spend", "x-litellm-response-cost", "x-litellm-version",
        }  # fmt: skip
        assert float(hit.headers["x-litellm-response-cost"]) == 0


def _decision(answer: httpx.Response) -> str:
    return answer.headers["x-thriftgate-decision"]


def test_every_event_of_a_streamed_response_is_named_as_openai_names_it(gateway: GatewayProcess) -> None:
    gateway.upstream.on("gpt-large", gives(response(says(words("A cat joke.")))))
    told = gateway.post("/v1/responses", {"model": "gpt", "input": "A joke", "stream": True})
    events = [event for event in _events(told.content) if event.body]
    assert [event.event for event in events] == [event.body["type"] for event in events]
    assert {field for event in events for field in event.body if field == "model"} == set()


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
