"""Each request is charged exactly once, to the caller's key, and stands in the ledger with what it saved."""

import asyncio
import hashlib
import uuid
from typing import Any

import httpx
import pytest
from tests.proxy.asked import Asked, message
from tests.proxy.conftest import CLAUDE, GatewayProcess
from tests.proxy.upstream import fails, gives, says
from tests.proxy.waiting import eventually, settle
from werkzeug import Response

from thriftgate.stores.embedded.database import EmbeddedPostgres
from thriftgate.stores.postgres.database import Database
from thriftgate.stores.postgres.ledger import PostgresLedger
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
    digest = hashlib.sha256(key.encode()).hexdigest()
    return [row for row in gateway.charged() if row["key"] == digest]


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


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("model", ["claude", "claude-large"], ids=["route", "plain model"])
def test_what_was_written_into_the_providers_cache_has_a_cost_of_its_own(
    gateway: GatewayProcess, model: str, path: str, stream: bool
) -> None:
    kept = {"input_tokens": 10, "output_tokens": 4, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 1000}

    def reply(asked: Asked) -> Response:
        return gives({**message(asked, [{"type": "text", "text": "Five days."}]), "usage": kept})(asked)

    gateway.upstream.on(CLAUDE, reply)
    question = [{"role": "user", "content": f"How long, {model} {path} {stream}?"}]
    answer = gateway.post(path, {"model": model, "max_tokens": 50, "messages": question, "stream": stream})
    assert answer.status_code == 200
    (call,) = record_of(
        gateway, answer.headers.get("x-thriftgate-request-id", answer.headers["x-litellm-call-id"])
    ).calls
    assert sum(call.cost_parts.values()) == pytest.approx(call.cost_usd, abs=1e-9)
    # The configuration names no price of it: LiteLLM's own of this model.
    assert call.cost_parts["input_cache_creation"] == pytest.approx(1000 * 3.75e-6, abs=1e-9)


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
