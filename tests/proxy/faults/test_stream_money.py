"""What a provider writes into its usage is not what a key is charged; what nobody counted is said to be estimated."""

import hashlib
import json
from typing import Any
from uuid import uuid4

import pytest
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import PATHS
from tests.proxy.faults.native_providers import CLAUDE
from tests.proxy.faults.test_odd_answers import choice, chunk, completion, message
from tests.proxy.upstream import gives, raw, raw_stream
from tests.proxy.waiting import eventually

from thriftgate.wire.streaming.sse import SseDecoder

pytestmark = pytest.mark.xdist_group("proxy-faults")

COUNTED = {"prompt_tokens": 1000, "completion_tokens": 400, "total_tokens": 1400}
COST = 1000 * 10e-6 + 400 * 20e-6
SAID = (chunk({"role": "assistant", "content": "five whole words are here"}), chunk({}, "stop"))


def ask_as(gateway: GatewayProcess, key: str, route: str, dialect: str = "chat", **fields: Any) -> dict[str, Any]:
    """What the answer says of its cost."""
    said: dict[str, Any] = {"messages": [{"role": "user", "content": f"Count {uuid4().hex}"}], "max_tokens": 100}
    if dialect == "responses":
        said = {"input": said["messages"][0]["content"]}
    response = gateway.post(PATHS[dialect], {"model": route, **said, **fields}, key)
    assert response.status_code == 200, response.text
    if not fields.get("stream"):
        return response.json()["thriftgate"]
    decoder = SseDecoder()
    bodies = [event.body or {} for event in [*decoder.feed(response.content), *decoder.flush()]]
    told = [body.get("thriftgate") or body.get("response", {}).get("thriftgate") for body in bodies]
    return next(one for one in told if one)


def charged(gateway: GatewayProcess, key: str) -> list[dict[str, Any]]:
    return gateway.charged(hashlib.sha256(key.encode()).hexdigest())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("cost", [0.5, -3.0, {"total_cost": 9.0}], ids=["dear", "negative", "a breakdown"])
def test_a_cost_that_a_provider_writes_into_its_usage_is_not_charged(
    gateway: GatewayProcess, cost: Any, stream: bool
) -> None:
    usage = {**COUNTED, "cost": cost}
    last: dict[str, Any] = {**chunk({}), "choices": [], "usage": usage}
    answer = completion(choice("five whole words are here"), usage=usage)
    gateway.upstream.on("info-large", raw_stream(*SAID, last) if stream else raw(answer))
    key = f"sk-{uuid4().hex}-acme-carol"
    told = ask_as(gateway, key, "infoone", stream=stream)
    assert float(told["cost"]) == pytest.approx(COST)
    assert eventually(lambda: any(row["cost"] for row in charged(gateway, key)))
    assert sum(row["cost"] for row in charged(gateway, key)) == pytest.approx(COST)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_no_key_is_paid_for_asking(gateway: GatewayProcess, stream: bool) -> None:
    usage = {"input_tokens": 5, "output_tokens": 4, "cache_creation_input_tokens": -100_000}
    gateway.upstream.on("claude-opus-4-6", gives({**message([{"type": "text", "text": "Fine."}]), "usage": usage}))
    key = f"sk-{uuid4().hex}-acme-carol"
    told = ask_as(gateway, key, "claudeone", "messages", stream=stream)
    assert told["cost_is_estimated"] is True
    assert eventually(lambda: bool(charged(gateway, key)))
    assert all(row["cost"] >= 0 for row in charged(gateway, key))


@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_a_stream_whose_provider_counts_nothing_is_estimated_in_every_dialect(
    gateway: GatewayProcess, dialect: str
) -> None:
    gateway.upstream.on("info-large", raw_stream(*SAID))
    told = ask_as(gateway, f"sk-{uuid4().hex}-acme-carol", "infoone", dialect, stream=True)
    assert float(told["cost"]) > 0
    assert told["cost_is_estimated"] is True, json.dumps(told)


def test_a_stream_of_responses_whose_provider_counts_nothing_is_estimated(gateway: GatewayProcess) -> None:
    item: dict[str, Any] = {"type": "message", "id": "m1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "five whole words", "annotations": []}]}  # fmt: skip
    body = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
            "output": [item], "usage": None}  # fmt: skip
    gateway.upstream.on("o-large", gives(body))
    told = ask_as(gateway, f"sk-{uuid4().hex}-acme-carol", "one", "responses", stream=True)
    assert told["cost_is_estimated"] is True


def test_a_stream_whose_provider_counts_is_not_estimated_where_it_is_translated(gateway: GatewayProcess) -> None:
    last: dict[str, Any] = {**chunk({}), "choices": [], "usage": COUNTED}
    gateway.upstream.on("info-large", raw_stream(*SAID, last))
    told = ask_as(gateway, f"sk-{uuid4().hex}-acme-carol", "infoone", "messages", stream=True)
    assert "cost_is_estimated" not in told
    assert float(told["cost"]) == pytest.approx(COST)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("route", ["claudeone", "bedrockclaude"])
def test_what_an_anthropic_stream_counts_at_its_beginning_alone_is_paid_told_and_booked(
    gateway: GatewayProcess, route: str, stream: bool
) -> None:
    start = {"type": "message_start", "message": {**message([]), "usage": {**CLAUDE, "output_tokens": 1}}}
    ended = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 400}}
    block: dict[str, Any] = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Fi"}}
    whole = gives({**message([{"type": "text", "text": "Fi"}]), "usage": CLAUDE})
    events = raw_stream(start, block, {"type": "content_block_stop", "index": 0}, ended, {"type": "message_stop"})
    gateway.upstream.on("claude-opus-4-6", events if stream else whole)
    key = f"sk-{uuid4().hex}-acme-carol"
    told = ask_as(gateway, key, route, "messages", stream=stream)
    # $5 and $25, of Bedrock's older one $3 and $15 for a million.
    prompt, completion = (5e-6, 25e-6) if route == "claudeone" else (3e-6, 15e-6)
    assert float(told["cost"]) == pytest.approx(1000 * prompt + 400 * completion)
    assert eventually(lambda: any(row["cost"] for row in charged(gateway, key)))
    assert sum(row["cost"] for row in charged(gateway, key)) == pytest.approx(float(told["cost"]))
