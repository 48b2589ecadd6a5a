"""What leaves the proxy with privacy on, and what comes back to whoever asked."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from evals.privacy.structured import KINDS
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess, gateway_config, running
from tests.proxy.privacy_upstream import EchoUpstream
from tests.proxy.upstream import Upstream

PRIVATE = (
    "Hello, my name is Alice Liddell, alice.liddell@example.com, card 4111 1111 1111 1111; my boss is Mr. Bob Stone."
)
VALUES = ("Alice", "Liddell", "alice.liddell@example.com", "4111 1111 1111 1111", "Bob Stone")
GIVEN = ("Alice", "Bogdan", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hamza", "Ingrid", "Joaquim")
SURNAMES = ("Abernathy", "Brzezinski", "Castellanos", "Dvorak", "Eriksson", "Fitzwilliam", "Guerrero", "Holmgren")
KEY = "privacy-key-of-the-tests-0123456789abcdef"
AWAY = "http://127.0.0.1:9/v1"
"""Nobody listens there."""
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": "send", "parameters": {"type": "object", "properties": {}}}}
]


@dataclass
class Setup:
    gateway: GatewayProcess
    upstream: EchoUpstream

    def chat(self, text: str, *, model: str = "plain-chat", **more: Any) -> httpx.Response:
        return self.gateway.post(
            "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": text}], **more}
        )

    def messages(self, text: str, *, model: str = "plain-messages", **more: Any) -> httpx.Response:
        body = {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": text}], **more}
        return self.gateway.post("/v1/messages", body)

    def responses(self, text: str, *, model: str = "plain-chat", **more: Any) -> httpx.Response:
        return self.gateway.post("/v1/responses", {"model": model, "input": text, **more})


def privacy_config(upstream: EchoUpstream, **privacy: Any) -> dict[str, Any]:
    config = gateway_config(upstream.openai_url)
    chat = {"model": "openai/echo", "api_base": upstream.openai_url, "api_key": "sk-x"}
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    native = {"model": "anthropic/echo", "api_base": upstream.anthropic_url, "api_key": "sk-x"}
    config["model_list"] = [
        {"model_name": "plain-chat", "litellm_params": {**chat, **prices}},
        {"model_name": "plain-messages", "litellm_params": {**native, **prices}},
        {"model_name": "at-home", "litellm_params": {**chat, **prices}},
        {"model_name": "strict", "litellm_params": {**chat, **prices}},
        {"model_name": "nobody-chat", "litellm_params": {**chat, **prices, "model": "openai/nobody"}},
        {"model_name": "nobody-messages", "litellm_params": {**native, **prices, "model": "anthropic/nobody"}},
        {"model_name": "home-away", "litellm_params": {**chat, **prices, "model": "openai/away", "api_base": AWAY}},
        {"model_name": "desk", "litellm_params": {"model": "thriftgate/desk"}},
    ]
    ours = config["callback_settings"]["thriftgate"]
    ours["routes"] = {"desk": {
        "cascade": {"tiers": [{"model": "plain-chat"}]},
        "cache": {"max_error": 0.01, "ttl": "10m", "min_similarity": 0.9, "verify": {"share": 0}},
        "capture_content": True,
    }}  # fmt: skip
    ours["privacy"] = {
        "key": KEY,
        "models": {
            "at-home": {"protect": False},
            "home-away": {"protect": False},
            "nobody-chat": {"entities": {"PERSON": "block"}},
            "nobody-messages": {"entities": {"PERSON": "block"}},
            "strict": {"entities": {"CREDIT_CARD": "block", "PERSON": "mask"}},
        },
        **privacy,
    }
    return config


@pytest.fixture(scope="module")
def setup(provider_server: HTTPServer) -> Iterator[Setup]:
    upstream = EchoUpstream(provider_server)
    with running("privacy", privacy_config(upstream), Upstream(provider_server)) as gateway:
        yield Setup(gateway, upstream)


def nothing_left(setup: Setup, *values: str) -> None:
    seen = setup.upstream.seen
    for value in values or VALUES:
        assert value not in seen
        assert value not in setup.gateway.log


def streamed(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    lines = [line.removeprefix("data:").strip() for line in response.text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line and line != "[DONE]"]


@pytest.fixture(autouse=True)
def forgetful(setup: Setup) -> None:
    setup.upstream.forget()


@pytest.mark.parametrize("model", ["plain-chat", "desk", "plain-messages"])
def test_a_whole_chat_answer_has_the_values_that_the_provider_never_saw(setup: Setup, model: str) -> None:
    answer = setup.chat(PRIVATE, model=model)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == PRIVATE
    nothing_left(setup)


@pytest.mark.parametrize("model", ["plain-chat", "desk", "plain-messages"])
def test_a_streamed_chat_answer_too(setup: Setup, model: str) -> None:
    text = f"{PRIVATE} Where is the parcel of {model} that was sent last week?"
    chunks = streamed(setup.chat(text, model=model, stream=True))
    assert "".join(one["delta"].get("content") or "" for chunk in chunks for one in chunk["choices"]) == text
    nothing_left(setup)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", ["chat", "messages", "responses"])
def test_a_place_or_a_thing_in_a_field_of_its_name_is_nobody_to_be_blocked_and_a_name_in_one_is(
    setup: Setup, dialect: str, stream: bool
) -> None:
    """In what a user pastes and in what a tool was called with."""
    asked = {"chat": setup.chat, "messages": setup.messages, "responses": setup.responses}[dialect]
    model = "nobody-messages" if dialect == "messages" else "nobody-chat"
    for fields in ({"city": "Bern"}, {"birthCity": "Nancy", "product": "Billy"}, {"ville": "Tours"}):
        answer = asked(json.dumps(fields), model=model, stream=stream)
        assert answer.status_code == 200, (fields, answer.text)
    table = asked("id,city,color\n1,Bern,Ruby\n2,Jena,Amber", model=model, stream=stream)
    assert table.status_code == 200, table.text
    for fields in ({"first_name": "Sibylle"}, {"city": "Bern", "customer_name": "Ruby Bern"}):
        refused = asked(json.dumps(fields), model=model, stream=stream)
        assert (refused.status_code, "PERSON" in refused.text) == (400, True), (fields, refused.text)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["plain-chat", "plain-messages"])
def test_arguments_of_tools_are_restored_and_stay_json(setup: Setup, model: str, stream: bool) -> None:
    answer = setup.chat(PRIVATE, model=model, stream=stream, tools=TOOLS)
    assert answer.status_code == 200, answer.text
    if stream:
        deltas: list[dict[str, Any]] = [one["delta"] for chunk in streamed(answer) for one in chunk["choices"]]
        calls: list[dict[str, Any]] = []
        for delta in deltas:
            calls += delta.get("tool_calls") or []
        written = "".join(str(call["function"].get("arguments") or "") for call in calls)
    else:
        written = answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    arguments = json.loads(written)
    assert arguments["to"] == PRIVATE
    assert json.loads(arguments["nested"]) == {"again": [PRIVATE]}
    nothing_left(setup)


@pytest.mark.parametrize("model", ["plain-messages", "plain-chat", "desk"])
def test_anthropics_messages_whole_and_streamed(setup: Setup, model: str) -> None:
    answer = setup.messages(PRIVATE, model=model)
    assert answer.status_code == 200, answer.text
    assert answer.json()["content"][0]["text"] == PRIVATE
    events = streamed(setup.messages(PRIVATE, model=model, stream=True))
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("text") or "" for delta in deltas) == PRIVATE
    nothing_left(setup)


def test_anthropics_tool_input_whole_and_streamed(setup: Setup) -> None:
    tools: list[dict[str, Any]] = [{"name": "send", "input_schema": {"type": "object", "properties": {}}}]
    answer = setup.messages(PRIVATE, tools=tools).json()
    assert answer["content"][0]["input"]["to"] == PRIVATE
    events = streamed(setup.messages(PRIVATE, tools=tools, stream=True))
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert json.loads("".join(delta.get("partial_json") or "" for delta in deltas))["to"] == PRIVATE
    nothing_left(setup)


@pytest.mark.parametrize("model", ["plain-chat", "desk"])
def test_responses_whole_and_streamed(setup: Setup, model: str) -> None:
    answer = setup.responses(PRIVATE, model=model)
    assert answer.status_code == 200, answer.text
    assert answer.json()["output"][-1]["content"][0]["text"] == PRIVATE
    events = streamed(setup.responses(PRIVATE, model=model, stream=True))
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == PRIVATE
    numbers = [event["sequence_number"] for event in events if "sequence_number" in event]
    assert numbers == sorted(set(numbers))
    nothing_left(setup)


def test_history_tools_and_results_are_masked_everywhere(setup: Setup) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": json.dumps({"to": PRIVATE})}}
    body = {
        "model": "plain-chat",
        "messages": [
            {"role": "system", "content": f"You serve {PRIVATE}"},
            {"role": "user", "content": [{"type": "text", "text": PRIVATE}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": json.dumps({"customer": {"card": 4111111111111111}})},
            {"role": "user", "content": "Thanks from Alice Liddell"},
        ],
        "user": "alice.liddell@example.com",
        "metadata": {"note": PRIVATE},
    }
    answer = setup.gateway.post("/v1/chat/completions", body)
    assert answer.json()["choices"][0]["message"]["content"] == "Thanks from Alice Liddell"
    nothing_left(setup, *VALUES, "4111111111111111")


@pytest.mark.parametrize("field", ["metadata", "safety_identifier", "prompt_cache_key", "user"])
@pytest.mark.parametrize("model", ["plain-chat", "plain-messages", "desk"])
@pytest.mark.parametrize("ask", [Setup.chat, Setup.messages, Setup.responses], ids=["chat", "messages", "responses"])
def test_whoever_a_request_says_it_is_of_is_no_name_to_a_provider(
    setup: Setup, ask: Callable[..., httpx.Response], model: str, field: str
) -> None:
    setup.upstream.forget()
    mail = "alice.liddell@example.com"
    question = f"Who am I? ({model}, {ask.__name__}, {field})"  # else the route's cache would know
    told = {"user_id": mail, "id": mail, mail: "x", "requester_metadata": {"id": mail}}
    response = ask(setup, question, model=model, **{field: told if field == "metadata" else mail})
    assert response.status_code in (200, 400), response.text
    assert bool(setup.upstream.received) == (response.status_code == 200)
    nothing_left(setup, mail)


def test_two_people_never_share_a_placeholder_and_the_same_person_keeps_hers(setup: Setup) -> None:
    turns = [
        {"role": "user", "content": "I am Mrs. Alice Liddell."},
        {"role": "assistant", "content": "Hello Alice Liddell"},
    ]
    more = [*turns, {"role": "user", "content": "My boss is Mr. Bob Stone, says Alice Liddell"}]
    answer = setup.gateway.post("/v1/chat/completions", {"model": "plain-chat", "messages": more})
    assert answer.json()["choices"][0]["message"]["content"] == "My boss is Mr. Bob Stone, says Alice Liddell"
    sent = json.loads(setup.upstream.received[-1])["messages"]
    assert [message["content"] for message in sent] == [
        "I am Mrs. <PERSON_1>.", "Hello <PERSON_1>", "My boss is Mr. <PERSON_2>, says <PERSON_1>",
    ]  # fmt: skip


def test_a_session_keeps_its_pseudonyms_when_its_history_is_not_sent(setup: Setup) -> None:
    def ask(text: str, session: str, key: str = CLIENT_KEY) -> str:
        body = {"model": "plain-chat", "messages": [{"role": "user", "content": text}]}
        headers = {"x-litellm-session-id": session}
        return setup.gateway.post("/v1/chat/completions", body, key, **headers).json()["choices"][0]["message"][
            "content"
        ]

    assert ask("I am Mrs. Alice Liddell.", "s-1") == "I am Mrs. Alice Liddell."
    assert ask("My boss is Mr. Bob Stone.", "s-1") == "My boss is Mr. Bob Stone."
    assert "Mr. <PERSON_2>" in setup.upstream.seen
    assert ask("Who was <PERSON_1>?", "s-1") == "Who was Alice Liddell?"
    assert ask("Who was <PERSON_1>?", "s-2") == "Who was <PERSON_1>?"


def test_a_responses_conversation_goes_on_by_its_id(setup: Setup) -> None:
    first = setup.responses("I am Mrs. Alice Liddell.").json()
    setup.responses("My boss is Mr. Bob Stone.", previous_response_id=first["id"])
    assert "Mr. <PERSON_2>" in setup.upstream.seen


def test_a_hit_of_the_cache_has_the_askers_own_values(setup: Setup) -> None:
    question = "My name is {}. How long may I return a pair of shoes that I bought?"
    first = setup.chat(question.format("Alice Liddell"), model="desk")
    asked = len(setup.upstream.received)
    second = setup.chat(question.format("Carol Danvers"), model="desk")
    assert "Alice Liddell" in first.text
    assert "Carol Danvers" in second.text
    assert "Alice" not in second.text
    assert len(setup.upstream.received) == asked, "the same question of two people is one question"


PHRASINGS = (
    "My name is {name}, mail {mail}. How long may I keep a book that I borrowed from the library?",
    "My name is {name}, mail {mail}. How long may I keep a book which I borrowed from the library?",
)


def test_no_answer_has_a_value_of_another_caller_whatever_the_cache_serves(setup: Setup) -> None:
    draw = random.Random(7)
    others: set[str] = set()
    decisions: Counter[str] = Counter()
    for number in range(24):
        name, mail = f"{draw.choice(GIVEN)} {draw.choice(SURNAMES)}son{number:02d}", KINDS["EMAIL_ADDRESS"](draw)
        name = name.translate(str.maketrans("0123456789", "abcdefghij"))
        text = draw.choice(PHRASINGS).format(name=name, mail=mail)
        stream = draw.random() < 0.5
        response = setup.chat(text, model="desk", stream=stream)
        decisions[response.headers["x-thriftgate-decision"]] += 1
        if stream:
            pieces = (one["delta"].get("content") or "" for chunk in streamed(response) for one in chunk["choices"])
            said = "".join(pieces)
        else:
            said = response.json()["choices"][0]["message"]["content"]
        assert said in {phrasing.format(name=name, mail=mail) for phrasing in PHRASINGS}
        assert not [value for value in others if value in response.text]
        others |= {name, name.split()[1]}
    assert decisions["exact_hit"] >= 5
    assert decisions["semantic_hit"] >= 1
    assert len(setup.upstream.received) <= 2, "the others were answered by the cache"


def test_a_model_that_is_asked_by_another_name_keeps_its_own_policy(setup: Setup) -> None:
    """`openai/echo` is what the provider of all three plain models calls them; several names are asked all at once."""
    for model in ("openai/echo", "plain-chat,strict"):
        refused = setup.chat(PRIVATE, model=model)
        assert refused.status_code == 400, model
        assert "CREDIT_CARD" in refused.text
    assert not setup.upstream.received


@pytest.mark.parametrize("ask", ["chat", "messages", "responses"])
def test_what_only_a_model_at_home_may_see_falls_back_to_nobody_else(setup: Setup, ask: str) -> None:
    failed = getattr(setup, ask)(PRIVATE, model="home-away", fallbacks=["plain-chat"])
    assert failed.status_code == 500
    assert not setup.upstream.received
    assert getattr(setup, ask)(PRIVATE, model="home-away", fallbacks=["at-home"]).status_code == 200
    assert setup.upstream.received


def test_a_model_at_home_sees_everything_and_a_strict_one_refuses(setup: Setup) -> None:
    assert setup.chat(PRIVATE, model="at-home").json()["choices"][0]["message"]["content"] == PRIVATE
    assert "Alice Liddell" in setup.upstream.seen
    setup.upstream.forget()
    refused = setup.chat(PRIVATE, model="strict")
    assert refused.status_code == 400
    assert "CREDIT_CARD" in refused.text
    assert not setup.upstream.received
    masked = setup.chat("I am Mrs. Alice Liddell", model="strict").json()["choices"][0]["message"]["content"]
    assert masked == "I am Mrs. <PERSON>"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages/count_tokens", {"model": "plain-messages", "system": PRIVATE}),
        ("/v1/responses/input_tokens", {"model": "plain-chat", "input": PRIVATE, "instructions": PRIVATE}),
        ("/utils/token_counter?call_endpoint=true", {"model": "plain-messages"}),
    ],
)
def test_what_a_provider_only_counts_has_no_values_either(setup: Setup, path: str, body: dict[str, Any]) -> None:
    messages = {} if "input" in body else {"messages": [{"role": "user", "content": PRIVATE}]}
    answer = setup.gateway.post(path, {**body, **messages})
    assert answer.status_code == 200, answer.text
    assert "<PERSON_1>" in setup.upstream.seen
    nothing_left(setup)


def test_what_may_not_be_sent_is_not_sent_to_be_counted(setup: Setup) -> None:
    refused = setup.gateway.post(
        "/v1/messages/count_tokens",
        {"model": "nobody-messages", "messages": [{"role": "user", "content": "Ask Mr. Bob Stone"}]},
    )
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error"), refused.text
    assert "PERSON" in refused.text
    assert not setup.upstream.seen


def test_a_document_of_plain_text_has_no_values(setup: Setup) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": PRIVATE}
    content = [{"type": "document", "title": "Bob Stone", "source": source}, {"type": "text", "text": "Summarise."}]
    answer = setup.gateway.post(
        "/v1/messages",
        {"model": "plain-messages", "max_tokens": 99, "messages": [{"role": "user", "content": content}]},
    )
    assert answer.status_code == 200, answer.text
    nothing_left(setup)


@pytest.mark.parametrize("asked_for", [{}, {"user": "customer-17"}], ids=["nobody", "an end user"])
def test_an_answer_that_is_fetched_by_its_id_has_its_callers_values_alone(setup: Setup, asked_for: Any) -> None:
    told = setup.responses(PRIVATE, background=True, store=True, **asked_for)
    address = f"{setup.gateway.base_url}/v1/responses/{told.json()['id']}"
    fetched = httpx.get(address, headers=setup.gateway.headers(), timeout=30)
    assert fetched.json()["output"][0]["content"][0]["text"] == PRIVATE, fetched.text
    of_another = {**setup.gateway.headers(), "x-litellm-end-user-id": "customer-18"}
    assert "Liddell" not in httpx.get(address, headers=of_another, timeout=30).text
    nothing_left(setup)


@pytest.mark.parametrize("name", ["litellm_session_id", "litellm_trace_id"])
def test_what_a_session_is_called_refuses_nothing_as_it_is_sent_nowhere(setup: Setup, name: str) -> None:
    assert setup.chat("hi", model="strict", **{name: "4111111111111111"}).status_code == 200


@pytest.mark.parametrize("model", ["plain-chat", "desk"])
def test_headers_that_a_body_adds_have_no_values(setup: Setup, model: str) -> None:
    added = {"x-customer": "alice.liddell@example.com", "x-run": "nightly"}
    answer = setup.chat("Hello there", model=model, extra_headers=added)
    assert answer.status_code == 200, answer.text
    (head,) = setup.upstream.heads
    assert "alice.liddell" not in head
    assert "<EMAIL_ADDRESS_1>" in head
    assert "nightly" in head
