"""Streamed answers through the real proxy: chunk for chunk what a client of OpenAI expects, and how they end."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from openai.types.chat import ChatCompletionMessageParam
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess
from tests.proxy.upstream import breaks_off, calls_tool, drips, fails, says
from tests.proxy.waiting import eventually

pytestmark = pytest.mark.xdist_group("proxy")

QUESTION = [{"role": "user", "content": "How long does a refund take?"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "order_status", "parameters": {"type": "object", "properties": {}}},
}
ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": "How long does a refund take?"}]
COST = 10 * 1e-6 + 4 * 2e-6


def stream(gateway: GatewayProcess, model: str, **params: Any) -> tuple[list[dict[str, Any]], httpx.Response, str]:
    """All events of a streamed answer, the response, and the raw text."""
    response = gateway.post("/v1/chat/completions", {"model": model, "messages": QUESTION, "stream": True, **params})
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"], response, response.text


def text_of(chunks: list[dict[str, Any]]) -> str:
    return "".join(
        choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"] if choice["index"] == 0
    )


def finish_reasons(chunks: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [
        (choice["index"], choice["finish_reason"])
        for chunk in chunks
        for choice in chunk["choices"]
        if choice.get("finish_reason")
    ]


def test_an_accepted_answer_is_replayed_with_everything_known_in_the_headers(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("It takes five working days,\nnot more."))
    chunks, response, text = stream(gateway, "support")
    assert text_of(chunks) == "It takes five working days,\nnot more."
    assert finish_reasons(chunks) == [(0, "stop")]
    assert text.rstrip().endswith("data: [DONE]")
    assert response.headers["x-thriftgate-decision"] == "accepted"
    assert float(response.headers["x-thriftgate-cost"]) == pytest.approx(COST)
    assert not any("usage" in chunk for chunk in chunks)
    assert chunks[-1]["thriftgate"]["decision"] == "accepted"
    assert float(chunks[-1]["thriftgate"]["saved"]) == pytest.approx(9 * COST)


def test_an_escalated_answer_streams_through_and_ends_with_its_usage(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Perhaps nine?", logprob=-2.0))
    gateway.upstream.on("large", says("Five days."))
    chunks, response, _ = stream(gateway, "support", stream_options={"include_usage": True})
    assert text_of(chunks) == "Five days."
    assert response.headers["x-thriftgate-decision"] == "escalated"
    assert response.headers["x-thriftgate-reason"] == "below_threshold"
    assert float(response.headers["x-thriftgate-confidence"]) == pytest.approx(0.1353, abs=0.02)
    assert response.headers["x-thriftgate-tier"] == "large"
    assert "x-thriftgate-cost" not in response.headers
    last = chunks[-1]
    assert last["choices"] == []
    assert (last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == (10, 4)
    assert float(last["thriftgate"]["cost"]) == pytest.approx(11 * COST)


def test_an_optimistic_route_shows_the_cheap_answer_while_it_is_written(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days.", logprob=-0.01))
    chunks, response, _ = stream(gateway, "optimistic")
    assert text_of(chunks) == "Five days."
    assert response.headers["x-thriftgate-decision"] == "accepted"


def test_several_choices_each_come_to_their_end(gateway: GatewayProcess) -> None:
    gateway.upstream.on("large", says("Five days."))
    chunks, _, _ = stream(gateway, "plain", n=2)
    assert sorted(finish_reasons(chunks)) == [(0, "stop"), (1, "stop")]


def test_a_tool_call_streams_in_pieces_that_join_to_its_arguments(gateway: GatewayProcess) -> None:
    gateway.upstream.on("tool-large", calls_tool("order_status", {"order": "A-17"}))
    chunks, _, _ = stream(gateway, "tools", tools=[TOOL])
    deltas: list[dict[str, Any]] = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    calls: list[list[dict[str, Any]]] = [delta["tool_calls"] for delta in deltas if delta.get("tool_calls")]
    pieces = [piece for call in calls for piece in call]
    assert json.loads("".join(piece["function"].get("arguments") or "" for piece in pieces)) == {"order": "A-17"}
    assert finish_reasons(chunks) == [(0, "tool_calls")]


def test_the_openai_sdk_reads_a_stream_to_its_end(gateway: GatewayProcess) -> None:
    gateway.upstream.on("large", says("Fünf Tage, 你好 🙂"))
    with (
        gateway.openai() as client,
        client.chat.completions.create(model="plain", messages=ASKED, stream=True) as chunks,
    ):
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "Fünf Tage, 你好 🙂"


def test_the_anthropic_sdk_reads_a_stream_with_its_usage(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days."))
    with (
        gateway.anthropic() as client,
        client.messages.stream(
            model="support", max_tokens=50, messages=[{"role": "user", "content": "How long does a refund take?"}]
        ) as events,
    ):
        message = events.get_final_message()
    assert message.content[0].to_dict()["text"] == "Five days."
    assert message.usage.output_tokens == 4


def test_the_last_event_of_an_anthropic_stream_says_what_it_cost(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days."))
    body = {"model": "support", "max_tokens": 50, "stream": True, "messages": QUESTION}
    response = gateway.post("/v1/messages", body)
    events = [
        json.loads(line.removeprefix("data: ")) for line in response.text.splitlines() if line.startswith("data: ")
    ]
    assert events[-1]["type"] == "message_stop"
    assert float(events[-1]["thriftgate"]["cost"]) == pytest.approx(COST)


def test_a_provider_that_sends_no_usage_is_priced_by_a_tokenizer_and_marked_so(gateway: GatewayProcess) -> None:
    gateway.upstream.on("large", says("Five working days, and not one more.", with_usage=False))
    chunks, _, _ = stream(gateway, "plain", stream_options={"include_usage": True})
    told: Mapping[str, Any] = chunks[-1]["thriftgate"]
    assert float(told["cost"]) > 0
    assert told["cost_is_estimated"] is True


def test_a_stream_that_fails_before_its_first_token_falls_over_to_the_next_tier(gateway: GatewayProcess) -> None:
    gateway.upstream.on("fragile-small", fails(500))
    gateway.upstream.on("fragile-large", says("Five days."))
    chunks, response, _ = stream(gateway, "fragile")
    assert text_of(chunks) == "Five days."
    assert response.headers["x-thriftgate-decision"] == "escalated"


def test_a_stream_that_breaks_after_its_first_token_ends_with_an_error_event(gateway: GatewayProcess) -> None:
    gateway.upstream.on("lost-large", breaks_off(["Five ", "days"]))
    response = gateway.post("/v1/chat/completions", {"model": "lost", "messages": QUESTION, "stream": True})
    events = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    error = json.loads(events[-1])["error"]
    assert error["type"] == "upstream_error"
    assert "broke off" in error["message"]
    assert "[DONE]" not in events


def test_a_client_that_goes_away_in_the_middle_ends_the_call_upstream(gateway: GatewayProcess) -> None:
    gateway.upstream.on("lost-large", drips(gateway.upstream, ["word "] * 60, pause=0.1))
    body = {"model": "lost", "messages": QUESTION, "stream": True}
    headers = {"Authorization": f"Bearer {CLIENT_KEY}"}
    with httpx.stream("POST", f"{gateway.base_url}/v1/chat/completions", json=body, headers=headers) as response:
        next(response.iter_lines())
    assert eventually(lambda: gateway.upstream.closed_early == ["lost-large"])


def test_a_client_that_goes_away_before_the_first_token_ends_the_call_upstream(gateway: GatewayProcess) -> None:
    gateway.upstream.on("lost-large", drips(gateway.upstream, [""] * 60, pause=0.1))
    body = {"model": "lost", "messages": QUESTION, "stream": True}
    headers = {"Authorization": f"Bearer {CLIENT_KEY}"}
    with pytest.raises(httpx.TimeoutException):
        httpx.post(f"{gateway.base_url}/v1/chat/completions", json=body, headers=headers, timeout=0.5)
    assert eventually(lambda: gateway.upstream.closed_early == ["lost-large"])
