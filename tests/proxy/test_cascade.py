"""The cascade over HTTP: what is promised, what is not proven, budgets, tools, streams, and who pays for audits."""

import asyncio
import hashlib
import json
import socket
import uuid
from typing import Any

import httpx
import pytest
from tests.proxy.cascade_routes import CLEAN, DOUBTFUL, HEDGED
from tests.proxy.conftest import GatewayProcess
from tests.proxy.upstream import calls_tool, says, slow
from tests.proxy.waiting import eventually, settle

from thriftgate.stores.embedded.database import EmbeddedPostgres
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.types import Audit, RequestRecord

pytestmark = pytest.mark.xdist_group("proxy")

QUESTION = "How long does refund 1234 take?"
SMALL, LARGE = 10 * 1e-6 + 4 * 2e-6, 10 * 10e-6 + 4 * 20e-6
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "order_status", "parameters": {"type": "object", "properties": {}}},
}


def ask(gateway: GatewayProcess, route: str, *, key: str = "sk-app-acme-ada", **params: Any) -> httpx.Response:
    body = {"model": route, "messages": [{"role": "user", "content": QUESTION}], **params}
    return gateway.post("/v1/chat/completions", body, key)


def why(response: httpx.Response) -> tuple[str, str]:
    assert response.status_code == 200, response.text
    return response.headers["x-thriftgate-decision"], response.headers["x-thriftgate-reason"]


@pytest.mark.parametrize(("rating", "decision"), [("95", "accepted"), ("10", "escalated")])
def test_a_judge_that_doubts_a_cheap_answer_sends_the_question_on_at_the_callers_expense(
    gateway: GatewayProcess, rating: str, decision: str
) -> None:
    gateway.upstream.on("small", says(CLEAN))
    gateway.upstream.on("large", says(CLEAN))
    gateway.upstream.on("judge", says(rating))
    response = ask(gateway, "rated")
    assert why(response)[0] == decision
    (asked,) = gateway.upstream.asked("judge")
    assert CLEAN in asked["messages"][1]["content"]
    assert QUESTION in asked["messages"][1]["content"]
    expected = 2 * SMALL + (LARGE if decision == "escalated" else 0)
    assert float(response.headers["x-thriftgate-cost"]) == pytest.approx(expected)


def test_a_promise_without_a_proof_escalates_everything_and_the_header_says_so(gateway: GatewayProcess) -> None:
    gateway.upstream.on("large", says(CLEAN))
    assert why(ask(gateway, "unproven")) == ("only_tier", "uncalibrated")
    assert gateway.upstream.asked("small") == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [(CLEAN, ("accepted", "confident")), (HEDGED, ("escalated", "below_threshold"))],
    ids=["sure", "hedged"],
)
def test_a_proven_promise_accepts_what_its_artefact_allows_and_no_more(
    gateway: GatewayProcess, said: str, expected: tuple[str, str]
) -> None:
    gateway.upstream.on("small", says(said))
    gateway.upstream.on("large", says(CLEAN))
    response = ask(gateway, "proven")
    assert why(response) == expected
    assert (float(response.headers["x-thriftgate-confidence"]) > 0.95) is (said == CLEAN)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (QUESTION, ("accepted", "confident")),
        ("Write a sonnet about the moons of Jupiter, in the voice of Galileo.", ("only_tier", "unfamiliar")),
    ],
    ids=["like the labels", "unlike them"],
)
def test_a_question_unlike_the_labelled_ones_goes_to_the_strongest_tier_and_the_header_says_so(
    gateway: GatewayProcess, question: str, expected: tuple[str, str]
) -> None:
    gateway.upstream.on("small", says(CLEAN))
    gateway.upstream.on("large", says(CLEAN))
    assert why(ask(gateway, "summarised", messages=[{"role": "user", "content": question}])) == expected
    assert bool(gateway.upstream.asked("small")) is (expected[0] == "accepted")


@pytest.mark.parametrize(("said", "decision"), [(HEDGED, "accepted"), (DOUBTFUL, "escalated")])
def test_a_key_near_its_budget_gets_cheaper_answers_down_to_the_floor(
    gateway: GatewayProcess, said: str, decision: str
) -> None:
    gateway.upstream.on("small", says(said))
    gateway.upstream.on("large", says(CLEAN))
    assert why(ask(gateway, "proven", key="sk-frugal-acme-fay")) == (decision, "budget_shift")


def test_a_cheap_answer_that_should_have_called_a_tool_is_escalated(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Let me check order_status for you."))
    gateway.upstream.on("large", says(CLEAN))
    assert why(ask(gateway, "helpers", tools=[TOOL])) == ("escalated", "tool_missing")
    gateway.upstream.on("small", says("Hello! How can I help?"))
    assert why(ask(gateway, "helpers", tools=[TOOL]))[0] == "accepted"


def looked_up(gateway: GatewayProcess, request_id: str) -> tuple[RequestRecord, list[Audit]]:
    """The ledger's row of a request, and the verdicts on it, as another process reads them."""
    server = EmbeddedPostgres(gateway.folder / ".thriftgate")

    async def read() -> tuple[RequestRecord | None, list[Audit]]:
        database = Database(server.start())
        try:
            ledger = PostgresLedger(database)
            record = await ledger.get(request_id)
            for _ in range(50):
                if record is not None:
                    break
                await asyncio.sleep(0.1)
                record = await ledger.get(request_id)
            return record, [one for one in await ledger.audits() if one.request_id == request_id]
        finally:
            await database.close()

    try:
        record, audits = asyncio.run(read())
    finally:
        server.release()
    assert record is not None, "the request is not in the ledger"
    return record, audits


def test_a_held_stream_waits_no_longer_than_its_limit(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", slow(1.5, says("Too late.")))
    gateway.upstream.on("large", says(CLEAN))
    response = ask(gateway, "hasty", stream=True)
    assert response.headers["x-thriftgate-decision"] == "escalated"
    assert "Too" not in response.text
    record, _ = looked_up(gateway, response.headers["x-thriftgate-request-id"])
    assert record.reason == "cheaper_tier_failed"


def test_an_optimistic_stream_that_collapses_is_never_seen(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says("Nine weeks perhaps or even more than that I guess", logprob=-3.0))
    gateway.upstream.on("large", says(CLEAN))
    response = ask(gateway, "watched", stream=True)
    assert response.headers["x-thriftgate-decision"] == "escalated"
    assert "weeks" not in response.text
    record, _ = looked_up(gateway, response.headers["x-thriftgate-request-id"])
    assert record.reason == "collapsed"


def test_an_audit_is_booked_in_the_ledger_and_charged_to_nobody(gateway: GatewayProcess) -> None:
    gateway.upstream.on("small", says(CLEAN))
    gateway.upstream.on("large", says(CLEAN))
    gateway.upstream.on("judge", says("SAME"))
    key = f"sk-{uuid.uuid4().hex}-acme-carol"
    response = ask(gateway, "audited", key=key, user="customer-7")
    assert why(response)[0] == "accepted"
    assert float(response.headers["x-thriftgate-cost"]) == pytest.approx(SMALL)
    assert eventually(lambda: len(gateway.upstream.asked("judge")) == 1)
    settle(1)
    digest = hashlib.sha256(key.encode()).hexdigest()
    assert sum(row["cost"] for row in gateway.charged() if row["key"] == digest) == pytest.approx(SMALL)
    assert "user" not in gateway.upstream.asked("large")[0]
    _, (audit,) = looked_up(gateway, response.headers["x-thriftgate-request-id"])
    assert audit.is_acceptable is True
    assert audit.cost_usd == pytest.approx(LARGE + SMALL)


@pytest.mark.parametrize("form", ["response_format", "tool"])
def test_what_a_callers_json_schema_names_is_never_fetched(gateway: GatewayProcess, form: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        reference = {"$ref": f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"}
        schema = {"type": "object", "properties": {"days": reference}}
        if form == "tool":
            gateway.upstream.on("small", calls_tool("refund", {"days": 5}))
            tool = {"type": "function", "function": {"name": "refund", "parameters": schema}}
            response = ask(gateway, "helpers", tools=[tool], tool_choice="required")
        else:
            gateway.upstream.on("small", says('{"days": 5}'))
            wanted = {"type": "json_schema", "json_schema": {"name": "refund", "schema": schema}}
            response = ask(gateway, "helpers", response_format=wanted)
        assert why(response)[0] == "accepted"
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(("days", "decision"), [(5, "accepted"), ("five", "escalated")])
def test_a_single_forced_tool_is_structured_output_and_its_arguments_are_checked(
    gateway: GatewayProcess, days: object, decision: str
) -> None:
    gateway.upstream.on("small", calls_tool("refund", {"days": days}))
    gateway.upstream.on("large", calls_tool("refund", {"days": 5}))
    parameters = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}
    tool = {"type": "function", "function": {"name": "refund", "parameters": parameters}}
    named = {"type": "function", "function": {"name": "refund"}}
    response = ask(gateway, "hasty", tools=[tool], tool_choice=named)
    assert why(response)[0] == decision
    (call,) = response.json()["choices"][0]["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"days": 5}
