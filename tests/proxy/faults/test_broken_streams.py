"""What a stream that does not come to its end has used is charged to the caller's key once, and booked the same."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.broken import COUNTED, WAYS, breaks
from tests.proxy.faults.conftest import OPUS, PATHS
from tests.proxy.faults.test_odd_answers import completion
from tests.proxy.faults.test_stream_money import charged
from tests.proxy.upstream import fails, raw, says, slow
from tests.proxy.waiting import eventually, settle

from thriftgate.stores.embedded.database import EmbeddedPostgres
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.types import RequestRecord

pytestmark = pytest.mark.xdist_group("proxy-faults")

TIERS = {"one": "o-large", "infoone": "info-large", "claudeone": OPUS}


def asked(gateway: GatewayProcess, key: str, route: str, dialect: str, way: str) -> str:
    """The id of a request that ends so."""
    said = f"It {way}! {uuid4().hex}"
    body: dict[str, Any] = {"model": route, "stream": True, "max_tokens": 400, "timeout": 8}
    if way != "stalls":
        del body["timeout"]
    if dialect == "responses":
        del body["max_tokens"]
        body["input"] = said
    else:
        body["messages"] = [{"role": "user", "content": said}]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.stream("POST", f"{gateway.base_url}{PATHS[dialect]}", json=body, headers=headers, timeout=60) as answer:
        assert answer.status_code == 200, answer.read()
        with suppress(httpx.HTTPError):
            for number, _ in enumerate(answer.iter_lines()):
                if way == "is left" and number > 8:
                    break
    return answer.headers["x-thriftgate-request-id"]


def records_of(gateway: GatewayProcess, ids: list[str]) -> list[RequestRecord]:
    """The ledger's rows, read by another process."""
    server = EmbeddedPostgres(gateway.folder / ".thriftgate")

    async def read(ledger: PostgresLedger, request_id: str) -> RequestRecord:
        for _ in range(50):
            if (record := await ledger.get(request_id)) is not None:
                return record
            await asyncio.sleep(0.1)
        raise AssertionError(f"{request_id} is not in the ledger")

    async def all_of_them() -> list[RequestRecord]:
        database = Database(server.start())
        try:
            return [await read(PostgresLedger(database), one) for one in ids]
        finally:
            await database.close()

    try:
        return asyncio.run(all_of_them())
    finally:
        server.release()


def recent_of(gateway: GatewayProcess, keys: list[str]) -> list[RequestRecord]:
    """Of each key, its one request in the ledger; a client that left has no id of it."""
    server = EmbeddedPostgres(gateway.folder / ".thriftgate")
    digests = [hashlib.sha256(key.encode()).hexdigest() for key in keys]

    async def read() -> list[RequestRecord]:
        database = Database(server.start())
        try:
            for _ in range(100):
                rows = await PostgresLedger(database).recent(limit=200)
                found = {row.caller.key_hash: row for row in rows}
                if all(digest in found for digest in digests):
                    return [found[digest] for digest in digests]
                await asyncio.sleep(0.1)
            raise AssertionError("a request is not in the ledger")
        finally:
            await database.close()

    try:
        return asyncio.run(read())
    finally:
        server.release()


def costs(gateway: GatewayProcess, key: str) -> list[float]:
    return [row["cost"] for row in charged(gateway, key) if row["cost"]]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("route", TIERS)
def test_a_stream_that_breaks_off_is_charged_once_and_as_it_is_booked(gateway: GatewayProcess, route: str) -> None:
    closed = breaks(gateway, TIERS[route])
    cases = [(dialect, way, f"sk-{uuid4().hex}-acme-carol") for dialect in PATHS for way in WAYS]
    with ThreadPoolExecutor(len(cases)) as pool:
        asking = [pool.submit(asked, gateway, key, route, dialect, way) for dialect, way, key in cases]
        ids = [one.result() for one in asking]
    records = records_of(gateway, ids)
    assert eventually(lambda: all(costs(gateway, key) for _, _, key in cases))
    settle(0.5)  # a second row would be too many
    for (dialect, way, key), record in zip(cases, records, strict=True):
        (call,) = record.calls
        assert costs(gateway, key) == [pytest.approx(record.cost_usd, abs=1e-9)], (dialect, way)
        assert call.usage.is_estimated, (dialect, way)
        # A reset drops what LiteLLM has not taken out of the connection yet: on a busy machine nearly all.
        least = {"is left": 4, "is reset": 0}.get(way, 25)
        assert call.usage.completion_tokens > least, (dialect, way)
        if route == "claudeone":  # what its provider has counted is not counted again
            assert call.usage.prompt_tokens == COUNTED, (dialect, way)
    assert eventually(lambda: closed.count("is left") == len(PATHS)), closed


@pytest.mark.parametrize("answer", [completion(), completion() | {"error": None}], ids=["no choices", "nor an error"])
def test_a_tier_whose_answer_was_charged_and_is_none_is_booked(gateway: GatewayProcess, answer: Any) -> None:
    gateway.upstream.on("any-openai", raw(answer))
    gateway.upstream.on("o-large", says("Strong."))
    key = f"sk-{uuid4().hex}-acme-carol"
    body = {"model": "any-openai-first", "messages": [{"role": "user", "content": f"Hi {uuid4().hex}"}]}
    response = gateway.post(PATHS["chat"], body, key)
    assert response.status_code == 200, response.text
    (record,) = records_of(gateway, [response.headers["x-thriftgate-request-id"]])
    assert eventually(lambda: len(costs(gateway, key)) == 2)
    assert sum(costs(gateway, key)) == pytest.approx(record.cost_usd, abs=1e-9)
    assert [call.usage.prompt_tokens for call in record.calls] == [10, 10]


def test_a_cheap_answer_and_a_strong_stream_that_breaks_are_both_charged(gateway: GatewayProcess) -> None:
    gateway.upstream.on("o-small", says("Perhaps. I am not sure, it may be so.", logprob=-3.0))
    breaks(gateway, "o-large")
    key = f"sk-{uuid4().hex}-acme-carol"
    (record,) = records_of(gateway, [asked(gateway, key, "plainroute", "chat", "is reset")])
    assert [call.status for call in record.calls] == ["ok", "failed"]
    assert eventually(lambda: len(costs(gateway, key)) == 2)
    assert sum(costs(gateway, key)) == pytest.approx(record.cost_usd, abs=1e-9)


def gives_up(gateway: GatewayProcess, key: str, route: str, dialect: str, way: str, stream: bool) -> None:
    """Ask, and wait for no answer."""
    said = f"What is it? {uuid4().hex}"
    body: dict[str, Any] = {"model": route, "stream": stream}
    body |= {"input": said} if dialect == "responses" else {"messages": [{"role": "user", "content": said}]}
    if dialect == "messages":
        body["max_tokens"] = 100
    if way == "time-out":
        body["timeout"] = 4
    headers = {"Authorization": f"Bearer {key}"}
    with suppress(httpx.ReadTimeout):
        answer = httpx.post(
            gateway.base_url + PATHS[dialect], json=body, headers=headers, timeout=60 if way == "time-out" else 4
        )
        assert answer.status_code == 408, answer.text


@pytest.mark.parametrize("route", TIERS)
def test_what_nobody_waited_for_is_charged_as_estimated_and_booked_alike(gateway: GatewayProcess, route: str) -> None:
    gateway.upstream.on(TIERS[route], says("Here."))
    body = {"model": route, "messages": [{"role": "user", "content": "Are you there?"}]}
    there = f"sk-{uuid4().hex}-acme-carol"
    assert eventually(lambda: gateway.post(PATHS["chat"], body, there).status_code == 200), "streams that broke cool it"
    gateway.upstream.forget()
    gateway.upstream.on(TIERS[route], slow(9, says("Too late.")))
    cases = [
        (dialect, way, stream, f"sk-{uuid4().hex}-acme-carol")
        for dialect in PATHS
        for way in ("time-out", "leaves")
        for stream in (False, True)
    ]
    with ThreadPoolExecutor(len(cases)) as pool:
        asking = [
            pool.submit(gives_up, gateway, key, route, dialect, way, stream) for dialect, way, stream, key in cases
        ]
        for one in asking:
            one.result()
    records = recent_of(gateway, [key for *_, key in cases])
    settle(3)  # LiteLLM's own log of what ended meanwhile would be a second charge
    for (*case, key), record in zip(cases, records, strict=True):
        (call,) = record.calls
        assert record.cost_usd > 0, case
        assert costs(gateway, key) == [pytest.approx(record.cost_usd, abs=1e-9)], case
        assert call.usage.is_estimated, case
        assert 5 < call.usage.prompt_tokens < 100, case
        assert call.usage.completion_tokens == 0, case
    assert eventually(lambda: len(gateway.upstream.asked(TIERS[route])) == len(cases))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_what_a_provider_refused_is_not_charged(gateway: GatewayProcess, stream: bool) -> None:
    gateway.upstream.on("any-openai", fails(429))
    gateway.upstream.on("o-large", says("Strong."))
    key = f"sk-{uuid4().hex}-acme-carol"
    body = {"model": "any-openai-first", "stream": stream, "messages": [{"role": "user", "content": uuid4().hex}]}
    response = gateway.post(PATHS["chat"], body, key)
    assert response.status_code == 200, response.text
    (record,) = records_of(gateway, [response.headers["x-thriftgate-request-id"]])
    assert [call.cost_usd > 0 for call in record.calls] == [False, True]
    assert eventually(lambda: bool(costs(gateway, key)))
    settle(0.5)
    assert costs(gateway, key) == [pytest.approx(record.cost_usd, abs=1e-9)]
