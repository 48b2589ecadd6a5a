"""What a client sends and gets again, in every dialect, whole and streamed, through more tiers than one."""

import hashlib
import json
import re
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from tests.proxy.conftest import MASTER_KEY, GatewayProcess
from tests.proxy.faults.conftest import HAIKU, OPUS, PATHS, ask, at_once, decision, error_of
from tests.proxy.faults.neighbours import DIALECTS, STREAMED, everybody_says, result, said
from tests.proxy.upstream import calls_tool, fails, says
from tests.proxy.waiting import eventually
from werkzeug import Request, Response

pytestmark = pytest.mark.xdist_group("proxy-faults")

# K5, K6: parameters that LiteLLM derives


@STREAMED
@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        ("chat", {"reasoning_effort": "low"}),
        ("chat", {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 5000}),
        ("chat", {"max_completion_tokens": 300}),
        ("chat", {"verbosity": "low", "prompt_cache_key": "k", "safety_identifier": "s"}),
        ("messages", {"thinking": {"type": "adaptive"}, "max_tokens": 5000}),
        ("messages", {"output_config": {"effort": "low"}}),
        ("messages", {"metadata": {"user_id": "u"}, "top_k": 3, "stop_sequences": ["END"]}),
        ("responses", {"reasoning": {"effort": "low", "summary": "auto"}}),
        ("responses", {"max_output_tokens": 300, "text": {"verbosity": "low"}, "truncation": "auto", "store": False}),
    ],
)
def test_what_a_dialect_has_is_taken_by_the_shipped_route(
    gateway: GatewayProcess, dialect: str, fields: dict[str, Any], stream: bool
) -> None:
    everybody_says(gateway)
    response = ask(gateway, dialect, "support", f"x {uuid4().hex}", stream=stream, **fields)
    assert response.status_code == 200, response.text
    assert "Fine." in response.text or "Fine" in response.text


@STREAMED
@pytest.mark.parametrize(
    ("dialect", "model", "asked_model", "fields"),
    [
        ("chat", "one", "o-large", {"max_completion_tokens": 70}),
        ("chat", "one", "o-large", {"max_tokens": 70}),
        ("chat", "otherone", "other-large", {"max_completion_tokens": 70}),
        ("chat", "claudeone", OPUS, {"max_completion_tokens": 70}),
        ("messages", "one", "o-large", {"max_tokens": 70}),
        ("messages", "otherone", "other-large", {"max_tokens": 70}),
        ("messages", "claudeone", OPUS, {"max_tokens": 70}),
        ("responses", "one", "o-large", {"max_output_tokens": 70}),
        ("responses", "otherone", "other-large", {"max_output_tokens": 70}),
        ("responses", "claudeone", OPUS, {"max_output_tokens": 70}),
    ],
)
def test_a_tier_gets_one_limit_of_tokens(
    gateway: GatewayProcess, dialect: str, model: str, asked_model: str, fields: dict[str, int], stream: bool
) -> None:
    everybody_says(gateway)
    assert ask(gateway, dialect, model, stream=stream, **fields).status_code == 200
    (asked,) = gateway.upstream.asked(asked_model)
    limits = {
        name: asked[name] for name in ("max_tokens", "max_completion_tokens", "max_output_tokens") if name in asked
    }
    assert list(limits.values()) == [70]
    if asked_model in ("o-large", "other-large") and dialect == "chat":
        assert limits == fields


# K15: what only Anthropic has, through a cascade


KEPT: dict[str, dict[str, Any]] = {
    "cache marks": {"system": [
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
    "a thought of before": {"messages": [
        {"role": "user", "content": "QUESTION"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                                           {"type": "redacted_thinking", "data": "eA=="},
                                           {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"}]},
    "an image in a result": {"messages": result([{"type": "image", "source": {
        "type": "base64", "media_type": "image/png", "data": "iVBORw0="}}]),
        "tools": [{"name": "w", "input_schema": {"type": "object"}}]},
    "citations": {"messages": said({"type": "document", "citations": {"enabled": True}, "title": "t", "source": {
        "type": "text", "media_type": "text/plain", "data": "QUESTION: apples are red"}})},
    "a server's tool": {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]},
    "stop and sampling": {"stop_sequences": ["END"], "top_k": 3, "top_p": 0.5},
    "who asks": {"metadata": {"user_id": "u-1"}},
    "tier": {"service_tier": "standard_only"},
    "choice": {"tools": [{"name": "w", "input_schema": {"type": "object"}}],
               "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
}  # fmt: skip


@STREAMED
@pytest.mark.parametrize("kind", KEPT)
def test_an_anthropic_tier_gets_what_an_anthropic_client_sent(gateway: GatewayProcess, kind: str, stream: bool) -> None:
    gateway.upstream.on(HAIKU, fails(400, "not with this model"))
    gateway.upstream.on(OPUS, says("Fine."))
    fields = {"messages": [{"role": "user", "content": "QUESTION"}], **KEPT[kind]}
    sent = json.loads(json.dumps(fields).replace("QUESTION", uuid4().hex))
    response = ask(gateway, "messages", "claude", stream=stream, **sent)
    assert response.status_code == 200, response.text
    (asked,) = gateway.upstream.asked(OPUS)
    assert {name: asked.get(name) for name in sent} == sent


# K12, K17: what the embedder cannot tell apart


TWINS = [
    ("Classify the sentiment of this review: \U0001f600\U0001f600",
     "Classify the sentiment of this review: \U0001f621\U0001f621"),
    ("What is 8 minus 3?", "What is 3 minus 8?"),
    ("How do I move data from server A to server B?", "How do I move data from server B to server A?"),
    ("Is Na+ bigger than Na?", "Is Na bigger than Na+?"),
    ("How many blanks are in 'a  b'?", "How many blanks are in 'a b'?"),
    ("Can us citizens apply?", "Can US citizens apply?"),
    ("When do I write your?", "When do I write you\u2019re?"),
    ("How do I close my parent's account?", "How do I close my parents' account?"),
    ("Was heisst den hier genau?", "Was heisst denn hier genau?"),
    ("Que signifie quel au juste ?", "Que signifie qu'elle au juste ?"),
]  # fmt: skip


def is_hit(gateway: GatewayProcess, question: str) -> bool:
    return decision(ask(gateway, "chat", "cached", question)) == "exact_hit"


@STREAMED
def test_a_twin_that_the_embedder_cannot_tell_apart_has_an_answer_of_its_own(
    gateway: GatewayProcess, stream: bool
) -> None:
    for place, pair in enumerate(TWINS):
        question, twin = pair[::-1] if stream else pair
        everybody_says(gateway, f"The answer of number {place}.")
        is_kept = partial(is_hit, gateway, question)
        assert eventually(is_kept, 5)
        everybody_says(gateway, "Something else altogether.")
        told = ask(gateway, "chat", "cached", twin, stream=stream)
        assert decision(told) not in ("semantic_hit", "exact_hit"), (question, twin)
        assert gateway.post("/thriftgate/cache/purge", {"route": "cached"}, MASTER_KEY).status_code == 200


# N12: a price that stands in `model_info`


@STREAMED
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_price_in_model_info_is_charged_and_booked_whole_and_streamed(
    gateway: GatewayProcess, dialect: str, stream: bool
) -> None:
    gateway.upstream.on("info-large", says("Fine."))
    key = f"sk-{uuid4().hex}-acme-carol"
    body: dict[str, Any] = {"model": "infoone", "stream": stream}
    turns = [{"role": "user", "content": "hi"}]
    body |= {"input": turns} if dialect == "responses" else {"messages": turns, "max_tokens": 9}
    response = gateway.post(PATHS[dialect], body, key)
    assert response.status_code == 200
    digest = hashlib.sha256(key.encode()).hexdigest()

    def charged() -> float:
        return sum(row["cost"] for row in gateway.charged(digest))

    assert eventually(lambda: charged() > 0, 10)
    assert charged() == pytest.approx(10 * 10e-6 + 4 * 20e-6, abs=1e-9)
    told = re.findall(r'"cost": ?"([\d.]+)"', response.text)[-1]
    assert float(told) == pytest.approx(charged(), abs=1e-8)


# N7: a single forced tool is structured output, in every dialect

PARAMETERS = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}
CHAT_TOOL = {"type": "function", "function": {"name": "refund", "parameters": PARAMETERS}}
FORCED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat, by name": ("chat", {"tools": [CHAT_TOOL],
                               "tool_choice": {"type": "function", "function": {"name": "refund"}}}),
    "chat, the only one": ("chat", {"tools": [CHAT_TOOL], "tool_choice": "required"}),
    "messages, by name": ("messages", {"tools": [{"name": "refund", "input_schema": PARAMETERS}],
                                       "tool_choice": {"type": "tool", "name": "refund"}}),
    "messages, the only one": ("messages", {"tools": [{"name": "refund", "input_schema": PARAMETERS}],
                                            "tool_choice": {"type": "any"}}),
    "responses, by name": ("responses", {"tools": [{"type": "function", "name": "refund", "parameters": PARAMETERS}],
                                         "tool_choice": {"type": "function", "name": "refund"}}),
    "responses, the only one": ("responses", {
        "tools": [{"type": "function", "name": "refund", "parameters": PARAMETERS}], "tool_choice": "required"}),
}  # fmt: skip


@STREAMED
@pytest.mark.parametrize("kind", FORCED)
def test_a_forced_tool_cascades_and_is_kept_in_every_dialect(gateway: GatewayProcess, kind: str, stream: bool) -> None:
    dialect, fields = FORCED[kind]
    route, cheap, strong = ("claude", HAIKU, OPUS) if dialect == "messages" else ("cached", "o-small", "o-large")
    question = f"Refund it {uuid4().hex}"
    gateway.upstream.on(cheap, calls_tool("refund", {"days": "five"}))
    gateway.upstream.on(strong, calls_tool("refund", {"days": 5}))
    first = ask(gateway, dialect, route, question, stream=stream, **fields)
    assert first.status_code == 200, first.text
    assert len(gateway.upstream.asked(cheap)) == 1
    assert len(gateway.upstream.asked(strong)) == 1
    assert "five" not in first.text
    assert eventually(
        lambda: decision(ask(gateway, dialect, route, question, stream=stream, **fields)) == "exact_hit", 5
    )


# N8: the limit of tokens splits no cache


LIMITS = {"chat": ("max_tokens", "max_completion_tokens"), "messages": ("max_tokens",),
          "responses": ("max_output_tokens",)}  # fmt: skip


@STREAMED
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_that_ended_below_the_askers_limit_is_the_same_answer(
    gateway: GatewayProcess, dialect: str, stream: bool
) -> None:
    everybody_says(gateway)
    route = "claude" if dialect == "messages" else "cached"
    question = f"How long is it? {uuid4().hex}"
    first, *_ = names = LIMITS[dialect]
    assert ask(gateway, dialect, route, question, **{first: 500}).status_code == 200
    for name in names:
        for limit in (400, 900, 4):  # it has four tokens
            asked = ask(gateway, dialect, route, question, stream=stream, **{name: limit})
            again = eventually(
                lambda name=name, limit=limit: (
                    decision(ask(gateway, dialect, route, question, stream=stream, **{name: limit})) == "exact_hit"
                ),
                5,
            )
            assert again, (name, limit, decision(asked))
        assert decision(ask(gateway, dialect, route, question, stream=stream, **{name: 3})) != "exact_hit"
    if dialect != "messages":
        assert decision(ask(gateway, dialect, route, question, stream=stream)) == "exact_hit"


# K8: a plain model's errors are worded as a route's are


@STREAMED
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
def test_a_plain_models_error_names_no_class_and_no_group(
    gateway: GatewayProcess, dialect: str, status: int, stream: bool
) -> None:
    models = f"odd-{status % 40}", f"odd-claude-{status % 18}"
    for model in models:
        gateway.upstream.on(model, fails(status, "'temperature' must be at most 2"))
    # Side by side: of some of them LiteLLM waits before it tries again.
    for response in at_once(*(partial(ask, gateway, dialect, model, stream=stream) for model in models)):
        told = error_of(response)
        assert ("type" in response.json()) == (dialect == "messages")
        assert "Exception" not in told["message"]
        assert "Model Group" not in told["message"]
        if status in (400, 422):
            assert (response.status_code, told["message"]) == (status, "'temperature' must be at most 2")
        assert response.status_code >= 400


# Issue 10: what is said of a route without asking it


@pytest.mark.parametrize(("model", "strongest"), [("support", OPUS), ("claude", OPUS), ("claudeone", OPUS)])
def test_tokens_are_counted_by_the_strongest_tier(gateway: GatewayProcess, model: str, strongest: str) -> None:
    asked: list[str] = []

    def count(request: Request) -> Response:
        asked.append(json.loads(request.get_data())["model"])
        return Response('{"input_tokens": 77}', 200, content_type="application/json")

    path = urlsplit(gateway.upstream.base_url).path + "/messages/count_tokens"
    gateway.upstream.server.expect_oneshot_request(path, method="POST").respond_with_handler(count)
    body = {"model": model, "messages": [{"role": "user", "content": "How many?"}]}
    response = gateway.post("/v1/messages/count_tokens", body)
    assert response.status_code == 200, response.text
    assert response.json()["input_tokens"] == 77
    assert asked == [strongest]


def test_a_routes_window_is_the_smallest_of_its_tiers(gateway: GatewayProcess) -> None:
    def listed(path: str, name: str) -> dict[str, dict[str, Any]]:
        rows = httpx.get(f"{gateway.base_url}{path}", headers=gateway.headers(MASTER_KEY), timeout=60).json()["data"]
        return {row[name]: row for row in rows}

    models, groups = listed("/v1/models", "id"), listed("/model_group/info", "model_group")
    for route, tiers in (("support", ("small", "large")), ("claude", ("haiku", "opus")), ("claudeone", ("opus",))):
        for name in ("max_input_tokens", "max_output_tokens"):
            known = [found for tier in tiers if (found := models[tier].get(name))]
            assert known
            assert models[route][name] == min(known)
            assert groups[route][name] == min(known)
        for name in ("supports_vision", "supports_function_calling", "supports_reasoning"):
            assert groups[route][name] is all(groups[tier][name] for tier in tiers)


@pytest.mark.parametrize("stray", [{}, {"messages": 5}, {"messages": [5]}, {"model": "nonsense", "messages": []}])
def test_what_cannot_be_counted_is_a_400(gateway: GatewayProcess, stray: dict[str, Any]) -> None:
    response = gateway.post("/v1/messages/count_tokens", {"model": "claude", **stray})
    assert 400 <= response.status_code < 500, response.text
    assert "Traceback" not in response.text
    json.loads(response.text)


@pytest.mark.parametrize("route", ["one", "cached", "support"])
def test_a_route_is_healthy_where_somebody_looks(gateway: GatewayProcess, route: str) -> None:
    gateway.upstream.forget()
    found = httpx.get(
        f"{gateway.base_url}/health",
        params={"model": route},
        headers={"Authorization": f"Bearer {MASTER_KEY}"},
        timeout=60,
    )
    assert found.status_code == 200, found.text
    assert (found.json()["healthy_count"], found.json()["unhealthy_count"]) == (1, 0)
    # Its tiers are checked as the models that they are: nobody is paid twice.
    assert not any(gateway.upstream.asked(model) for model in ("o-small", "o-large", HAIKU, OPUS))
