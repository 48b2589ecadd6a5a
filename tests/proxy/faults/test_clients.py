"""What a client sent reaches the tier or is refused by name; its faults, its timeout and its rights are its own."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.proxy.conftest import CLIENT_KEY, MASTER_KEY, GatewayProcess
from tests.proxy.faults.conftest import HAIKU, OPUS, PATHS, ask, decision, error_of, text_of
from tests.proxy.upstream import fails, gives, raw, says, slow
from tests.proxy.waiting import eventually

pytestmark = pytest.mark.xdist_group("proxy-faults")

SONNET = "claude-sonnet-4-5"
FAILED_TOOL: list[Any] = [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "w", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": True}]},
]
TOOL = {"name": "w", "input_schema": {"type": "object"}}
APPLES = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "apples are red"}}
TANKS = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "tanks are heavy"}}


def everybody_says(gateway: GatewayProcess, text: str = "Fine.") -> None:
    for model in (HAIKU, OPUS, SONNET, "o-small", "o-large", "other-large", "my-llama", "mixed-gpt"):
        gateway.upstream.on(model, says(text))


# What no translation carries


@pytest.mark.parametrize(
    ("dialect", "model", "fields", "param"),
    [
        ("messages", "one", {"messages": FAILED_TOOL, "tools": [TOOL]}, "messages[2].content[0].is_error"),
        ("messages", "one", {"stop_sequences": ["END"]}, "stop_sequences"),
        ("messages", "one", {"top_k": 3}, "top_k"),
        ("messages", "otherone", {"messages": FAILED_TOOL, "tools": [TOOL]}, "messages[2].content[0].is_error"),
        ("messages", "one", {"messages": [{"role": "user", "content": [APPLES]}]}, "messages[0].content[0].type"),
        ("messages", "one", {"brand_new": 1}, "brand_new"),
        ("responses", "claudeone", {"conversation": "conv_1"}, "conversation"),
        ("responses", "claudeone", {"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ("chat", "claudeone", {"n": 2}, "n"),
        ("chat", "claudeone", {"logprobs": True}, "logprobs"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_what_no_tier_would_get_is_refused_by_name(
    gateway: GatewayProcess, dialect: str, model: str, fields: dict[str, Any], param: str, stream: bool
) -> None:
    everybody_says(gateway)
    response = ask(gateway, dialect, model, "hi", stream=stream, **fields)
    assert response.status_code == 400, response.text
    assert f"'{param}'" in error_of(response)["message"]
    assert [gateway.upstream.asked(name) for name in (OPUS, "o-large", "other-large")] == [[], [], []]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tier_that_would_not_get_it_is_left_out(gateway: GatewayProcess, stream: bool) -> None:
    everybody_says(gateway)
    response = ask(gateway, "messages", "mixed", messages=FAILED_TOOL, tools=[TOOL], stream=stream)
    assert response.status_code == 200, response.text
    (asked,) = gateway.upstream.asked(HAIKU)
    assert asked["messages"][2]["content"][0]["is_error"] is True
    assert gateway.upstream.asked("o-large") == []


@pytest.mark.parametrize(
    ("dialect", "fields", "asked", "not_asked"),
    [
        ("messages", {"messages": FAILED_TOOL, "tools": [TOOL]}, SONNET, "mixed-gpt"),
        ("chat", {"n": 2}, "mixed-gpt", SONNET),
        ("messages", {}, "mixed-gpt", SONNET),
    ],
)
def test_of_a_group_only_deployments_that_get_everything_are_asked(
    gateway: GatewayProcess, dialect: str, fields: dict[str, Any], asked: str, not_asked: str
) -> None:
    everybody_says(gateway)
    assert ask(gateway, dialect, "mixedgroup", **fields).status_code == 200
    assert len(gateway.upstream.asked(asked)) == 1
    assert gateway.upstream.asked(not_asked) == []


# K5, K6, K9, K18


@pytest.mark.parametrize("model", ["support", "claudeone"])
def test_thinking_reaches_an_anthropic_tier_unchanged(gateway: GatewayProcess, model: str) -> None:
    everybody_says(gateway)
    thinking = {"type": "enabled", "budget_tokens": 2000}
    response = ask(gateway, "messages", model, f"x {uuid4().hex}", max_tokens=5000, thinking=thinking)
    assert response.status_code == 200, response.text
    assert {json.dumps(body["thinking"]) for name in (HAIKU, OPUS) for body in gateway.upstream.asked(name)} == {
        json.dumps(thinking)
    }


@pytest.mark.parametrize(("name", "value"), [("reasoning", {"effort": "low"}), ("max_output_tokens", 500)])
def test_parameters_that_litellm_renames_are_taken(gateway: GatewayProcess, name: str, value: Any) -> None:
    everybody_says(gateway)
    response = ask(gateway, "responses", "support", f"x {uuid4().hex}", **{name: value})
    assert response.status_code == 200, response.text


def test_max_completion_tokens_goes_alone(gateway: GatewayProcess) -> None:
    everybody_says(gateway)
    assert ask(gateway, "chat", "one", max_completion_tokens=7).status_code == 200
    (asked,) = gateway.upstream.asked("o-large")
    assert (asked.get("max_completion_tokens"), asked.get("max_tokens")) == (7, None)


def test_two_documents_are_two_questions(gateway: GatewayProcess) -> None:
    question = {"type": "text", "text": f"Summarise it {uuid4().hex}"}
    for document, words in ((APPLES, "Apples."), (TANKS, "Tanks.")):
        gateway.upstream.on(HAIKU, says(words))
        gateway.upstream.on(OPUS, says(words))
        assert text_of(ask(gateway, "messages", "claude", [document, question])) == words


def test_an_answer_to_another_conversation_is_never_served(gateway: GatewayProcess) -> None:
    ids: dict[str, str] = {}
    for name in ("Alpha", "Beta"):
        everybody_says(gateway, f"I will remember {name}.")
        ids[name] = ask(gateway, "responses", "cached", f"My cat is called {name}.").json()["id"]
    for name, earlier in ids.items():
        everybody_says(gateway, f"It is {name}.")
        said = ask(gateway, "responses", "cached", "Tell a joke about that cat.", previous_response_id=earlier)
        assert text_of(said) == f"It is {name}."


@pytest.mark.parametrize("alias", ["chatbot", "assistant"], ids=["of the route", "of an alias"])
def test_an_alias_is_the_route(gateway: GatewayProcess, alias: str) -> None:
    everybody_says(gateway)
    question = f"What is an alias {uuid4().hex}?"
    assert ask(gateway, "chat", alias, question).headers["x-thriftgate-decision"]
    assert eventually(lambda: decision(ask(gateway, "chat", "cached", question)) == "exact_hit")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", PATHS)
def test_a_deployments_id_and_its_model_are_the_route(gateway: GatewayProcess, dialect: str, stream: bool) -> None:
    """LiteLLM takes either for a group's name; a stream came back as an error of Python's, with status 200."""
    everybody_says(gateway)
    listed = httpx.get(f"{gateway.base_url}/v1/model/info", headers=gateway.headers(MASTER_KEY), timeout=60).json()
    named = next(one["model_info"]["id"] for one in listed["data"] if one["model_name"] == "plainroute")
    for model in (named, "thriftgate/plainroute"):
        response = ask(gateway, dialect, model, stream=stream)
        assert response.status_code == 200, response.text
        assert decision(response) == "accepted"


def test_aliases_of_each_other_are_no_model(gateway: GatewayProcess) -> None:
    assert error_of(ask(gateway, "chat", "round"))["type"] == "invalid_request_error"


# K7, K8: whose fault it is


def test_what_a_cheap_tier_refuses_is_asked_of_the_next(gateway: GatewayProcess) -> None:
    gateway.upstream.on("o-small", fails(400, "image_url is only supported by certain models."))
    gateway.upstream.on("o-large", says("A cat."))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0="}}
    assert text_of(ask(gateway, "chat", "plainroute", [{"type": "text", "text": "?"}, image])) == "A cat."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_too_long_is_the_clients_400(gateway: GatewayProcess, dialect: str, stream: bool) -> None:
    words = "This model's maximum context length is 100 tokens. Your messages resulted in 200 tokens."
    error = {"error": {"message": words, "type": "invalid_request_error", "code": "context_length_exceeded"}}
    gateway.upstream.on("o-large", raw(error, 400))
    response = ask(gateway, dialect, "one", stream=stream)
    assert response.status_code == 400
    told = error_of(response)
    assert told["type"] == "invalid_request_error"
    assert "prompt is too long" in told["message"]
    assert told.get("code") == (None if dialect == "messages" else "context_length_exceeded")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_a_tier_of_another_dialect_says_too_long_in_the_clients(
    gateway: GatewayProcess, dialect: str, stream: bool
) -> None:
    words = "prompt is too long: 210000 tokens > 200000 maximum"
    gateway.upstream.on(OPUS, fails(400, words))
    response = ask(gateway, dialect, "claudeone", stream=stream)
    assert response.status_code == 400, response.text
    told = error_of(response)
    assert told["message"].startswith("prompt is too long")
    assert told.get("code") == (None if dialect == "messages" else "context_length_exceeded")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_when_to_come_back_reaches_every_client(gateway: GatewayProcess, dialect: str, stream: bool) -> None:
    place = {"chat": 1, "messages": 3, "responses": 5}[dialect] + stream
    gateway.upstream.on(f"odd-{place}", fails(429, "slower", {"retry-after": "3"}))
    response = ask(gateway, dialect, f"odd-{place}-only", stream=stream)
    assert response.status_code == 429, response.text
    assert response.headers["retry-after"] == "3"
    assert error_of(response)["type"] == "rate_limit_error"


@pytest.mark.parametrize(
    ("status", "expected"), [(401, 502), (403, 502), (404, 404), (422, 422), (429, 429), (500, 502), (529, 529)]
)
@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_the_last_tiers_class_reaches_the_client(
    gateway: GatewayProcess, dialect: str, status: int, expected: int
) -> None:
    for provider in (f"odd-{status % 40}", f"odd-claude-{status % 18}"):
        gateway.upstream.on(
            provider, fails(status, "the provider says no", {"retry-after": "3"} if status == 429 else {})
        )
    model = f"odd-{status % 40}-only" if dialect == "chat" else f"odd-claude-{status % 18}-only"
    response = ask(gateway, dialect, model)
    assert response.status_code == expected, response.text
    error_of(response)
    if status == 429:
        assert response.headers["retry-after"] == "3"


# K20: endpoints that no route serves


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": "x"}),
        ("/v1/rerank", {"query": "x", "documents": ["a"]}),
        ("/v1/moderations", {"input": "x"}),
        ("/v1/images/generations", {"prompt": "x"}),
        ("/v1/audio/speech", {"input": "x", "voice": "v"}),
        ("/v1/completions", {"prompt": "x"}),
        ("/v1/batches", {"input_file_id": "f", "endpoint": "/v1/chat/completions", "completion_window": "24h"}),
        ("/v1/assistants", {}),
        ("/v1/threads", {}),
        ("/v1/search", {"query": "x"}),
        ("/v1/fine_tuning/jobs", {"training_file": "f"}),
    ],
)
def test_an_endpoint_that_no_route_serves_says_so(gateway: GatewayProcess, path: str, body: dict[str, Any]) -> None:
    everybody_says(gateway)
    response = gateway.post(path, {"model": "one", **body})
    assert response.status_code in ((200, 400) if path == "/v1/completions" else (400, 404)), response.text
    assert "Traceback" not in response.text
    assert "site-packages" not in response.text
    if response.status_code != 200:
        assert "route 'one'" in response.text
        assert error_of(response)["type"] == "invalid_request_error"


def test_a_long_recording_for_a_route_says_so(gateway: GatewayProcess) -> None:
    response = httpx.post(
        f"{gateway.base_url}/v1/audio/transcriptions",
        data={"model": "one"},
        files={"file": ("a.wav", bytes(600_000), "audio/wav")},
        headers=gateway.headers(),
        timeout=60,
    )
    assert response.status_code in (400, 404), response.text
    assert "route 'one'" in error_of(response)["message"]


# A caller's timeout


@pytest.mark.parametrize("how", ["header", "body"])
@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_a_callers_timeout_is_one_deadline_and_closes_nothing(gateway: GatewayProcess, dialect: str, how: str) -> None:
    for model in ("o-small", "o-large"):
        gateway.upstream.on(model, slow(4, says("Late.")))
    if how == "body":
        response = ask(gateway, dialect, "plainroute", timeout=0.6)
    else:
        body: dict[str, Any] = {"model": "plainroute", "max_tokens": 50}
        body |= {"input": "hi"} if dialect == "responses" else {"messages": [{"role": "user", "content": "hi"}]}
        response = gateway.post(PATHS[dialect], body, **{"x-litellm-timeout": "0.6"})
    assert response.status_code == 408, response.text
    everybody_says(gateway)
    assert text_of(ask(gateway, dialect, "plainroute")) == "Fine."


@pytest.mark.parametrize("value", ["abc", "nan", "-1", "inf", "1e999", ""])
def test_a_timeout_that_is_no_number_hurts_nobody(gateway: GatewayProcess, value: str) -> None:
    everybody_says(gateway)
    body = {"model": "one", "messages": [{"role": "user", "content": "hi"}]}
    response = gateway.post(PATHS["chat"], body, **{"x-litellm-timeout": value})
    assert response.status_code < 500, response.text
    assert text_of(ask(gateway, "chat", "one")) == "Fine."


# What is never written down


def test_a_provider_that_quotes_the_user_is_not_quoted_in_the_log(gateway: GatewayProcess) -> None:
    secret = f"xylophone{uuid4().hex}"
    for status in (400, 422, 500):
        gateway.upstream.on("o-large", fails(status, f"cannot read the prompt '{secret}'"))
        for dialect in ("chat", "messages", "responses"):
            for stream in (False, True):
                ask(gateway, dialect, "one", f"my word is {secret}", stream=stream)
    assert secret not in gateway.log


# N14


def test_who_may_only_look_may_not_purge(gateway: GatewayProcess) -> None:
    purge = {"route": "cached"}
    assert gateway.post("/thriftgate/cache/purge", purge, "sk-viewer-acme-vera").status_code == 403
    assert gateway.post("/thriftgate/cache/purge", purge).status_code == 403
    assert gateway.post("/thriftgate/cache/purge", purge, MASTER_KEY).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "cache/purge"), ("POST", "keys"), ("PATCH", "keys/x"), ("POST", "keys/x/revoke"),
        ("POST", "keys/x/rotate"), ("POST", "teams"), ("PATCH", "teams/x"), ("POST", "users"), ("PATCH", "users/x"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["sk-viewer-acme-vera", CLIENT_KEY])
def test_who_may_only_look_changes_nothing_anywhere(gateway: GatewayProcess, method: str, path: str, key: str) -> None:
    response = httpx.request(
        method, f"{gateway.base_url}/thriftgate/{path}", json={}, headers=gateway.headers(key), timeout=60
    )
    assert response.status_code == 403, response.text


# K11: usage that is none, or absurd


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -5, "completion_tokens": 4}, {"prompt_tokens": 10**30}])
def test_usage_that_cannot_be_believed_is_estimated_and_says_so(gateway: GatewayProcess, usage: Any) -> None:
    message = {"role": "assistant", "content": "Fine."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    gateway.upstream.on("o-large", raw(answer))
    told = ask(gateway, "chat", "one").json()["thriftgate"]
    assert told["cost_is_estimated"] is True
    assert float(told["cost"]) >= 0


def test_thinking_of_a_stream_is_one_block_with_its_signature(gateway: GatewayProcess) -> None:
    """K13."""
    thought = {"type": "thinking", "thinking": "Let me see. It is so.", "signature": "c2ln"}
    blocks = [thought, {"type": "text", "text": "So."}]
    answer = {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "content": blocks, "stop_reason": "end_turn",
        "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 9},
    }  # fmt: skip
    gateway.upstream.on(HAIKU, fails(400, "not with this model"))
    gateway.upstream.on(OPUS, gives(answer))
    question = f"Think {uuid4().hex}"
    more: dict[str, Any] = {"max_tokens": 5000, "thinking": {"type": "enabled", "budget_tokens": 2000}}
    ask(gateway, "messages", "claude", question, stream=True, **more)

    def content() -> Any:
        return ask(gateway, "messages", "claude", question, **more).json()["content"]

    assert content() == blocks
    assert eventually(lambda: decision(ask(gateway, "messages", "claude", question, **more)) == "exact_hit", 5)
    assert content() == blocks
