"""Each request is charged exactly once, to the caller's key, and stands in the ledger with what it saved."""

import asyncio
import hashlib
import json
import uuid
from typing import Any

import httpx
import pytest
from tests.proxy.asked import Asked, message
from tests.proxy.conftest import CLAUDE, GatewayProcess
from tests.proxy.test_limits import PATHS
from tests.proxy.upstream import fails, gives, says
from tests.proxy.waiting import eventually, settle
from werkzeug import Response

from thriftgate.stores.embedded.database import EmbeddedPostgres
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.tracing.attributes import usage_details
from thriftgate.types import RequestRecord

pytestmark = pytest.mark.xdist_group("proxy")

SMALL, LARGE = 10 * 1e-6 + 4 * 2e-6, 10 * 10e-6 + 4 * 20e-6


def ask(
    gateway: GatewayProcess, model: str, question: str, *, key: str = "sk-biller-acme-carol", **params: Any
) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": question}], **params}
    return gateway.post("/v1/chat/completions", body, key)


def charged_for(gateway: GatewayProcess, model: str, question: str, **params: Any) -> list[dict[str, Any]]:
    """What LiteLLM charged for one request, in whatever rows: the request has a key of its own."""
    key = f"sk-{uuid.uuid4().hex}-acme-carol"
    ask(gateway, model, question, key=key, **params)
    # LiteLLM logs beside the request; waiting longer can only add rows, and too many would fail the test.
    settle(1)
    return gateway.charged(hashlib.sha256(key.encode()).hexdigest())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("logprob", "cost"), [(-0.01, SMALL), (-2.0, SMALL + LARGE)], ids=["accepted", "escalated"])
def test_a_request_is_charged_once_whole_or_streamed(
    gateway: GatewayProcess, stream: bool, logprob: float, cost: float
) -> None:
    gateway.upstream.on("small", says("Five days.", logprob=logprob))
    gateway.upstream.on("large", says("Five days."))
    rows = charged_for(gateway, "support", "How long?", stream=stream)
    assert sum(row["cost"] for row in rows) == pytest.approx(cost)
    assert {row["team"] for row in rows if row["cost"]} == {"acme"}


WRITTEN = {
    "input_tokens": 10, "output_tokens": 4, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 1000,
    "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 700},
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("model", ["claude", "claude-large"], ids=["route", "plain model"])
def test_what_was_written_into_the_providers_cache_is_counted_and_priced_once_and_apart(
    gateway: GatewayProcess, model: str, path: str, stream: bool
) -> None:
    def reply(asked: Asked) -> Response:
        return gives({**message(asked, [{"type": "text", "text": "Five days."}]), "usage": WRITTEN})(asked)

    gateway.upstream.on(CLAUDE, reply)
    answer = gateway.post(path, {**PATHS[path], "model": model, "stream": stream})
    assert answer.status_code == 200
    (call,) = record_of(
        gateway, answer.headers.get("x-thriftgate-request-id", answer.headers["x-litellm-call-id"])
    ).calls
    # LiteLLM's answer of the Responses API does not say for how long; its log of a plain model's call does.
    hour = 0 if (model, path) == ("claude", "/v1/responses") else 700
    tokens = json.loads(usage_details(call.usage))
    assert tokens.pop("input_cache_creation_1h", 0) == hour
    assert tokens == {
        "input": 10, "input_cached_tokens": 100, "input_cache_creation": 1000 - hour, "output": 4,
        "output_reasoning_tokens": 0, "total": 1114,
    }  # fmt: skip
    # The configuration names two of the prices; the others are LiteLLM's own of this model.
    written = {"input_cache_creation": 300 * 3.75e-6, "input_cache_creation_1h": 700 * 6e-6}
    assert call.cost_usd == pytest.approx(10 * 10e-6 + 100 * 3e-7 + sum(written.values()) + 4 * 20e-6, abs=1e-9)
    assert sum(call.cost_parts.values()) == pytest.approx(call.cost_usd, abs=1e-9)
    if hour:
        assert {name: call.cost_parts[name] for name in written} == pytest.approx(written, abs=1e-9)


def test_a_hit_is_charged_nothing(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Under the lid."))
    question = "Where is the serial number?"
    assert eventually(lambda: ask(gateway, "cached", question).headers["x-thriftgate-decision"] == "exact_hit")
    rows = charged_for(gateway, "cached", question)
    assert sum(row["cost"] for row in rows) == 0


def test_a_failed_request_is_charged_nothing(gateway: GatewayProcess) -> None:
    gateway.upstream.on("fragile-small", fails(500))
    gateway.upstream.on("fragile-large", fails(500))
    rows = charged_for(gateway, "fragile", "How long?")
    assert sum(row["cost"] for row in rows) == 0


def record_of(gateway: GatewayProcess, request_id: str) -> RequestRecord:
    """The ledger's row, read as `thriftgate report` reads it: by another process on the same database."""
    server = EmbeddedPostgres(gateway.folder / ".thriftgate")

    async def read() -> RequestRecord | None:
        database = Database(server.start())
        try:
            ledger = PostgresLedger(database)
            for _ in range(50):
                if (record := await ledger.get(request_id)) is not None:
                    return record
                await asyncio.sleep(0.1)
            return None
        finally:
            await database.close()

    try:
        record = asyncio.run(read())
    finally:
        server.release()
    assert record is not None, "the request is not in the ledger"
    return record


def test_the_ledger_has_who_asked_what_it_cost_and_each_call(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Maybe?", logprob=-2.0))
    gateway.upstream.on("large", says("Five days."))
    response = ask(gateway, "support", "How long?", user="customer-7")
    record = record_of(gateway, response.headers["x-thriftgate-request-id"])
    assert record.decision == "escalated"
    assert (record.caller.team_id, record.caller.key_alias, record.caller.user_id) == ("acme", "biller", "carol")
    assert record.caller.end_user_id == "customer-7"
    assert [(call.model, call.status) for call in record.calls] == [("small", "ok"), ("large", "ok")]
    assert record.cost_usd == pytest.approx(SMALL + LARGE)
    assert record.saved_usd == pytest.approx(-SMALL)
    assert record.input is None
    assert record.output is None


def test_a_failed_request_is_in_the_ledger_with_its_causes(gateway: GatewayProcess) -> None:
    gateway.upstream.on("fragile-small", fails(500))
    gateway.upstream.on("fragile-large", fails(500))
    response = ask(gateway, "fragile", "How long?")
    record = record_of(gateway, response.headers["x-thriftgate-request-id"])
    assert (record.status, record.decision) == ("failed", "failed")
    assert [call.status for call in record.calls] == ["failed", "failed"]


def test_feedback_is_taken_for_requests_of_the_same_key_only(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Five days."))
    request_id = ask(gateway, "support", "How long?").headers["x-thriftgate-request-id"]
    verdict = {"request_id": request_id, "is_correct": False}
    assert gateway.post("/thriftgate/feedback", verdict, "sk-stranger-acme-eve").status_code == 404
    assert gateway.post("/thriftgate/feedback", verdict, "sk-biller-acme-carol").status_code == 202
    assert gateway.post("/thriftgate/feedback", {"request_id": request_id}, "sk-biller-acme-carol").status_code == 422
