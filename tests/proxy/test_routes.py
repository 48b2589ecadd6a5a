"""Whole answers through the real proxy, with the SDKs that clients use."""

import json
from typing import Any

import httpx
import pytest
from openai.types.chat import ChatCompletion
from tests.proxy.conftest import GatewayProcess
from tests.proxy.upstream import calls_tool, fails, says

pytestmark = pytest.mark.xdist_group("proxy")

QUESTION = [{"role": "user", "content": "How long does a refund take?"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "order_status", "parameters": {"type": "object", "properties": {}}},
}


def ask(gateway: GatewayProcess, model: str, **params: Any) -> tuple[ChatCompletion, httpx.Headers]:
    with gateway.openai() as client:
        create: Any = client.chat.completions.with_raw_response.create
        raw = create(model=model, messages=QUESTION, **params)
        return raw.parse(), raw.headers


def test_a_confident_cheap_answer_is_accepted_and_says_what_it_saved(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days."))
    answer, headers = ask(gateway, "support")
    assert answer.choices[0].message.content == "Five days."
    assert answer.model == "support"
    assert headers["x-thriftgate-decision"] == "accepted"
    assert headers["x-thriftgate-tier"] == "small"
    assert float(headers["x-thriftgate-confidence"]) > 0.8
    assert float(headers["x-thriftgate-cost"]) == pytest.approx(10 * 1e-6 + 4 * 2e-6)
    assert float(headers["x-thriftgate-saved"]) == pytest.approx(9 * (10 * 1e-6 + 4 * 2e-6))
    assert headers["x-thriftgate-request-id"] == headers["x-litellm-call-id"]
    assert gateway.upstream.asked("large") == []


def test_an_unsure_cheap_answer_is_escalated_and_both_calls_are_paid(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Perhaps nine days?", logprob=-1.5))
    gateway.upstream.on("large", says("Five days."))
    answer, headers = ask(gateway, "support")
    assert answer.choices[0].message.content == "Five days."
    assert headers["x-thriftgate-decision"] == "escalated"
    assert headers["x-thriftgate-tier"] == "large"
    assert float(headers["x-thriftgate-cost"]) == pytest.approx(11 * (10 * 1e-6 + 4 * 2e-6))
    assert float(headers["x-thriftgate-saved"]) == pytest.approx(-(10 * 1e-6 + 4 * 2e-6))


def test_a_route_with_one_tier_asks_it_and_says_so(gateway: GatewayProcess) -> None:
    gateway.upstream.on("large", says("Five days."))
    _, headers = ask(gateway, "plain")
    assert headers["x-thriftgate-decision"] == "only_tier"
    assert float(headers["x-thriftgate-saved"]) == 0


def test_logprobs_are_asked_of_the_cheap_tier_but_not_handed_to_a_client_that_did_not_ask(
    gateway: GatewayProcess,
) -> None:
    gateway.upstream.on("small", says("Five days."))
    answer, _ = ask(gateway, "support")
    assert gateway.upstream.asked("small")[0]["logprobs"] is True
    assert answer.choices[0].logprobs is None


@pytest.mark.parametrize("wanted", [None, 0, 1, 2])
def test_two_alternatives_are_asked_of_the_cheap_tier_and_a_client_sees_as_many_as_it_asked_for(
    gateway: GatewayProcess, wanted: int | None
) -> None:
    gateway.upstream.on("small", says("Five days."))
    params: dict[str, Any] = {"logprobs": True} | ({} if wanted is None else {"top_logprobs": wanted})
    asked, _ = ask(gateway, "support", **params)
    assert asked.choices[0].logprobs is not None
    tokens = asked.choices[0].logprobs.content or []
    assert [token.token for token in tokens] == ["Five ", "days."]
    firsts = ([token.token, "?"] for token in tokens)
    assert [[top.token for top in token.top_logprobs] for token in tokens] == [one[: wanted or 0] for one in firsts]
    with gateway.openai() as client:
        create: Any = client.chat.completions.create
        for route in ("support", "optimistic"):
            chunks: list[Any] = list(create(model=route, messages=QUESTION, stream=True, **params))
            told: list[Any] = [choice.logprobs for chunk in chunks for choice in chunk.choices if choice.logprobs]
            streamed: list[Any] = [token.model_dump() for one in told for token in one.content]
            assert streamed == [token.model_dump() for token in tokens]
    assert [body["top_logprobs"] for body in gateway.upstream.asked("small")] == [2, 2, 2]


def test_a_provider_that_refuses_more_alternatives_is_asked_for_as_many_as_the_client_wants(
    gateway: GatewayProcess,
) -> None:
    refused, given = fails(400, "'top_logprobs' must be at most 1"), says("Five days.")
    gateway.upstream.on("small", lambda body: (refused if body.get("top_logprobs", 0) > 1 else given)(body))
    for params in ({"logprobs": True}, {"logprobs": True, "top_logprobs": 1}):
        gateway.upstream.forget()
        answer, _ = ask(gateway, "support", **params)
        assert answer.choices[0].message.content == "Five days."
        last = gateway.upstream.asked("small")[-1]
        assert {name: last[name] for name in ("logprobs", "top_logprobs") if name in last} == params


@pytest.mark.parametrize("wanted", [-1, None, 0, 1, 2], ids=lambda wanted: "unasked" if wanted == -1 else str(wanted))
def test_responses_are_judged_by_two_alternatives_too_and_show_as_many_as_were_asked_for(
    gateway: GatewayProcess, wanted: int | None
) -> None:
    gateway.upstream.on("small", says("Five days."))
    params: dict[str, Any] = {} if wanted == -1 else {"include": ["message.output_text.logprobs"]}
    if wanted not in (-1, None):
        params["top_logprobs"] = wanted
    body = {"model": "support", "input": "How long does a refund take?", **params}
    whole = gateway.post("/v1/responses", body)
    assert whole.headers["x-thriftgate-decision"] == "accepted"
    tokens: list[dict[str, Any]] = whole.json()["output"][0]["content"][0]["logprobs"] or []
    expected = 0 if wanted in (-1, None) else wanted
    assert [len(token["top_logprobs"]) for token in tokens] == ([] if wanted == -1 else [expected] * 2)
    streamed = gateway.post("/v1/responses", {**body, "stream": True})
    events = [json.loads(line[6:]) for line in streamed.text.splitlines() if line.startswith("data: {")]
    completed = next(event["response"] for event in events if event["type"] == "response.completed")
    assert (completed["output"][0]["content"][0]["logprobs"] or []) == tokens
    assert ('"?"' in streamed.text) is (wanted == 2), "the second alternative, in whatever event"
    assert [asked["top_logprobs"] for asked in gateway.upstream.asked("small")] == [2, 2]


def test_parameters_reach_the_model_as_they_were_sent(gateway: GatewayProcess) -> None:
    gateway.upstream.on("large", says("Five days."))
    sent: dict[str, Any] = {
        "temperature": 0.3,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 7,
        "max_tokens": 50,
        "presence_penalty": 0.1,
        "response_format": {"type": "json_object"},
        "extra_body": {"a_new_parameter": {"x": 1}},
    }
    ask(gateway, "plain", **sent)
    body = gateway.upstream.asked("large")[0]
    for name, value in sent.items():
        if name != "extra_body":
            assert body[name] == value, name
    assert body["a_new_parameter"] == {"x": 1}
    for ours in ("prompt_variables", "allowed_openai_params", "num_retries", "metadata", "cache"):
        assert ours not in body


def test_images_in_content_are_left_intact(gateway: GatewayProcess) -> None:
    gateway.upstream.on("large", says("A red square."))
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
    ]
    response = gateway.post(
        "/v1/chat/completions", {"model": "plain", "messages": [{"role": "user", "content": parts}]}
    )
    assert response.status_code == 200
    assert gateway.upstream.asked("large")[0]["messages"][0]["content"] == parts


def test_n_answers_come_back_as_n_choices(gateway: GatewayProcess) -> None:
    gateway.upstream.on("large", says("Five days."))
    answer, _ = ask(gateway, "plain", n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]


def test_a_turn_with_tools_goes_to_the_strong_tier_and_its_call_comes_back(gateway: GatewayProcess) -> None:
    gateway.upstream.on("tool-large", calls_tool("order_status", {"order": "A-17"}))
    answer, headers = ask(gateway, "tools", tools=[TOOL])
    calls = answer.choices[0].message.tool_calls or []
    assert [call.to_dict()["function"] for call in calls] == [
        {"name": "order_status", "arguments": '{"order": "A-17"}'}
    ]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert headers["x-thriftgate-decision"] == "only_tier"
    assert gateway.upstream.asked("tool-small") == []


def test_anthropic_clients_are_served_by_the_same_route(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days."))
    with gateway.anthropic() as client:
        raw = client.messages.with_raw_response.create(
            model="support",
            max_tokens=50,
            system="Be brief.",
            messages=[{"role": "user", "content": "How long does a refund take?"}],
        )
    message = raw.parse()
    assert message.content[0].to_dict()["text"] == "Five days."
    assert message.usage.input_tokens == 10
    assert raw.headers["x-thriftgate-decision"] == "accepted"
    assert "Be brief." in json.dumps(gateway.upstream.asked("small")[0])


def test_the_responses_api_is_served_by_the_same_route(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days."))
    with gateway.openai() as client:
        raw = client.responses.with_raw_response.create(model="support", input="How long does a refund take?")
    assert raw.parse().output_text == "Five days."
    assert raw.headers["x-thriftgate-decision"] == "accepted"


def test_the_prompt_of_a_route_is_put_in_front(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days."))
    ask(gateway, "prompted")
    messages = gateway.upstream.asked("small")[0]["messages"]
    assert messages[0]["role"] == "system"
    assert messages[-1] == QUESTION[0]


def test_a_plain_model_is_left_to_litellm(gateway: GatewayProcess) -> None:
    gateway.upstream.on("large", says("Five days."))
    _, headers = ask(gateway, "large")
    assert "x-thriftgate-decision" not in headers
