"""Usage that cannot be believed, or that nobody sent: ledger, answer and key all say the same number."""

import asyncio
import json
from collections.abc import Iterable
from functools import partial
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from tests.proxy.asked import Asked, streamed
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import PATHS, at_once
from tests.proxy.faults.native_providers import BEDROCK, GEMINI, OLLAMA
from tests.proxy.faults.native_providers import BELIEVED as BELIEVED_NATIVES
from tests.proxy.faults.test_odd_answers import chunk, message
from tests.proxy.faults.test_stream_money import charged
from tests.proxy.upstream import gives, raw, raw_stream
from tests.proxy.waiting import eventually
from werkzeug import Response

from thriftgate.stores.embedded.database import EmbeddedPostgres
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.types import RequestRecord
from thriftgate.wire.streaming.sse import SseDecoder
from thriftgate.wire.turns import Dialect

pytestmark = pytest.mark.xdist_group("proxy-faults")

IN, OUT, READ, THOUGHT = "in", "out", "read", "thought"
NO: Any = object()
PER_CHOICE: Any = object()
USAGES: dict[str, Any] = {
    "missing": NO,
    "of each choice": PER_CHOICE,
    "null": None,
    "an empty object": {},
    "a list": [],
    "a text": "14 tokens",
    "nothing": {IN: 0, OUT: 0},
    "less than nothing in": {IN: -1000, OUT: 4},
    "less than nothing out": {IN: 10, OUT: -4000},
    "less than nothing": {IN: -10, OUT: -4},
    "far too much in": {IN: 10**15, OUT: 4},
    "far too much out": {IN: 10, OUT: 10**30},
    "fractions": {IN: 10.7, OUT: 4.2},
    "texts": {IN: "10", OUT: "4"},
    "nulls": {IN: None, OUT: None},
    "a null out": {IN: 10, OUT: None},
    "only out": {OUT: 4},
    "truths": {IN: True, OUT: True},
    "lists": {IN: [10], OUT: {"n": 4}},
    "more read than sent": {IN: 10, OUT: 4, READ: 1000},
    "less than nothing read": {IN: 10, OUT: 4, READ: -1000},
    "read as text": {IN: 10, OUT: 4, READ: "5"},
    "far too much read": {IN: 10, OUT: 4, READ: 10**15},
    "more thought than said": {IN: 10, OUT: 4, THOUGHT: 4000},
    "less thought than nothing": {IN: 10, OUT: 4, THOUGHT: -4000},
    "believable": {IN: 1000, OUT: 400, READ: 500, THOUGHT: 100},
}
MODELS = {"one": "o-large", "claudeone": "claude-opus-4-6", "infoone": "info-large"}
BELIEVED = {"believable", "texts", "read as text", "only out"}
OF_CLAUDE = {"more read than sent"}
"""Numbers that stay what their provider wrote; Anthropic counts what was read beside what was sent."""
TEXT = "five whole words are here"


def usage_of(said: Any, dialect: Dialect) -> Any:
    """The usage in a provider's own names."""
    if not isinstance(said, dict) or not said:
        return cast("Any", said)
    said = cast("dict[str, Any]", said)
    sent, got = ("prompt_tokens", "completion_tokens") if dialect is Dialect.CHAT else ("input_tokens", "output_tokens")
    usage: dict[str, Any] = {name: said[short] for short, name in ((IN, sent), (OUT, got)) if short in said}
    if dialect is Dialect.MESSAGES:
        if READ in said:
            usage["cache_read_input_tokens"] = said[READ]
        if THOUGHT in said:
            usage["output_tokens_details"] = {"thinking_tokens": said[THOUGHT]}
        return usage
    if all(isinstance(one, int) for one in usage.values()):
        usage["total_tokens"] = sum(usage.values())
    if READ in said:
        usage[f"{sent}_details"] = {"cached_tokens": said[READ]}
    if THOUGHT in said:
        usage[f"{got}_details"] = {"reasoning_tokens": said[THOUGHT]}
    return usage


def body_of(asked: Asked, usage: Any) -> dict[str, Any]:
    """A whole answer with this usage."""
    body: dict[str, Any] = {"id": "a", "model": "m"}
    if asked.dialect is Dialect.CHAT:
        said = {"role": "assistant", "content": TEXT}
        body |= {"object": "chat.completion", "created": 1,
                 "choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}  # fmt: skip
    elif asked.dialect is Dialect.MESSAGES:
        body |= {"type": "message", "role": "assistant", "stop_reason": "end_turn", "stop_sequence": None,
                 "content": [{"type": "text", "text": TEXT}]}  # fmt: skip
    else:
        part: dict[str, Any] = {"type": "output_text", "text": TEXT, "annotations": []}
        item: dict[str, Any] = {
            "type": "message",
            "id": "m1",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
        body |= {"object": "response", "created_at": 1, "status": "completed", "output": [item]}
    if usage is PER_CHOICE:
        for choice in body.get("choices", ()):
            choice["usage"] = usage_of({IN: 10, OUT: 4}, asked.dialect)
    elif usage is not NO:
        body["usage"] = usage
    return body


def counts(asked: Asked) -> Response:
    """Counts as the question names it."""
    usage = usage_of(USAGES[json.dumps(asked.prompt).split("#")[1]], asked.dialect)
    body = body_of(asked, usage)
    if not asked.get("stream"):
        return raw(body)(asked)
    if asked.dialect is Dialect.CHAT:
        last: list[Any] = [{**chunk({}), "choices": [], "usage": usage}] if "usage" in body else []
        return raw_stream(chunk({"role": "assistant", "content": TEXT}), chunk({}, "stop"), *last)(asked)
    return Response(b"".join(streamed(asked, body)), 200, content_type="text/event-stream")


def records(gateway: GatewayProcess, ids: Iterable[str]) -> dict[str, RequestRecord | None]:
    """The ledger's rows, read as `thriftgate report` reads them."""
    server = EmbeddedPostgres(gateway.folder / ".thriftgate")

    async def read() -> dict[str, RequestRecord | None]:
        database = Database(server.start())
        try:
            ledger = PostgresLedger(database)
            return {one: await ledger.get(one) for one in ids}
        finally:
            await database.close()

    try:
        return asyncio.run(read())
    finally:
        server.release()


def summary_of(response: httpx.Response) -> dict[str, Any]:
    """What an answer says of its cost, whole or streamed."""
    if "event-stream" not in response.headers["content-type"]:
        return response.json()["thriftgate"]
    decoder = SseDecoder()
    bodies = [event.body or {} for event in [*decoder.feed(response.content), *decoder.flush()]]
    told = [body.get("thriftgate") or body.get("response", {}).get("thriftgate") for body in bodies]
    return next(one for one in told if one)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("route", MODELS)
def test_ledger_answer_and_key_say_the_same_of_whatever_is_counted(
    gateway: GatewayProcess, route: str, dialect: str, stream: bool
) -> None:
    gateway.upstream.on(MODELS[route], counts)
    keys = {name: f"sk-{uuid4().hex}-acme-carol" for name in USAGES}

    def asked(name: str) -> httpx.Response:
        said = f"Count #{name}# {uuid4().hex}"
        body: dict[str, Any] = {"messages": [{"role": "user", "content": said}], "max_tokens": 100}
        body = {"input": said} if dialect == "responses" else body
        return gateway.post(PATHS[dialect], {"model": route, **body, "stream": stream}, keys[name])

    answers = dict(zip(USAGES, at_once(*(partial(asked, name) for name in USAGES)), strict=True))
    assert {name: one.text for name, one in answers.items() if one.status_code != 200} == {}
    ids = {name: one.headers["x-thriftgate-request-id"] for name, one in answers.items()}

    def paid(name: str) -> float:
        return sum(row["cost"] for row in charged(gateway, keys[name]))

    def booked() -> bool:
        return all(paid(name) for name in USAGES)

    assert eventually(booked), [name for name in USAGES if not paid(name)]
    found = records(gateway, ids.values())
    believed = BELIEVED | (OF_CLAUDE if route == "claudeone" else set[str]())
    failed: dict[str, str] = {}
    for name, answer in answers.items():
        told, record = summary_of(answer), found[ids[name]]
        assert record is not None
        numbers = (paid(name), record.cost_usd, float(told["cost"]))
        is_marked = bool(told.get("cost_is_estimated"))
        if max(numbers) - min(numbers) > 1e-8 or abs(numbers[0] - numbers[1]) > 1e-9 or max(numbers) > 3000:
            failed[name] = f"key {numbers[0]:.9f}, ledger {numbers[1]:.9f}, told {numbers[2]:.8f}"
        elif not is_marked == record.usage.is_estimated == (name not in believed):
            failed[name] = f"estimated: told {is_marked}, ledger {record.usage.is_estimated}"
    assert failed == {}


@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_what_is_counted_in_other_words_is_believed_or_estimated(gateway: GatewayProcess, dialect: str) -> None:
    asked: dict[str, partial[httpx.Response]] = {}
    for route, usages in (("gemini", GEMINI), ("bedrock", BEDROCK), ("ollama", OLLAMA)):
        for name in usages:
            for stream in (False, True):
                body = {"messages": [{"role": "user", "content": f"Count #{name}# {uuid4().hex}"}], "max_tokens": 100,
                        "model": route, "stream": stream}  # fmt: skip
                key = f"sk-{uuid4().hex}-acme-carol"
                asked[f"{key} {name}"] = partial(gateway.post, PATHS[dialect], body, key)
    answers = dict(zip(asked, at_once(*asked.values()), strict=True))
    assert {name: one.text for name, one in answers.items() if one.status_code != 200} == {}
    assert eventually(lambda: all(charged(gateway, name.split()[0]) for name in answers))
    failed: dict[str, str] = {}
    for name, answer in answers.items():
        key, usage = name.split(" ", 1)
        told, paid = summary_of(answer), sum(row["cost"] for row in charged(gateway, key))
        if abs(paid - float(told["cost"])) > 1e-8 or not 0 < paid < 3000:
            failed[name] = f"key {paid:.9f}, told {told['cost']}"
        elif bool(told.get("cost_is_estimated")) is (usage in BELIEVED_NATIVES):
            failed[name] = f"estimated: {told}"
    assert failed == {}


@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_a_stream_that_repeats_itself_breaks_off_in_words_and_is_booked_as_far_as_it_was_written(
    gateway: GatewayProcess, dialect: str
) -> None:
    """LiteLLM stops it after a hundred equal pieces, and calls that an internal error of the provider."""
    gateway.upstream.on("claude-opus-4-6", gives(message([{"type": "text", "text": "[" * 100_000}])))
    body: dict[str, Any] = {"messages": [{"role": "user", "content": f"Again {uuid4().hex}"}], "max_tokens": 5000}
    if dialect == "responses":
        body = {"input": f"Again {uuid4().hex}"}
    # Of `/v1/messages` LiteLLM reads the pieces where it translates them, and makes an event of its verdict.
    gateway.upstream.on("info-large", raw_stream(*[chunk({"content": "again "})] * 150, chunk({}, "stop")))
    route = "infoone" if dialect == "messages" else "claudeone"
    response = gateway.post(PATHS[dialect], {"model": route, "stream": True, **body})
    assert "went on repeating the same words" in response.text, response.text[-500:]
    assert "(500)" not in response.text
    made = response.headers["x-thriftgate-request-id"]
    assert eventually(lambda: records(gateway, [made])[made] is not None)
    record = records(gateway, [made])[made]
    assert record is not None
    assert 0 < record.cost_usd < 1
