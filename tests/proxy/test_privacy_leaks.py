"""Hundreds of requests with made-up values, in every form: whatever left is searched for every value.

`THRIFTGATE_LEAK_REQUESTS=5000` makes it the long run of evals/privacy.
"""

import asyncio
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from evals.privacy.structured import KINDS
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess, free_port, start_proxy, stop, wait_until_alive
from tests.proxy.privacy_upstream import EchoUpstream, arguments_of
from tests.proxy.test_privacy import TOOLS, privacy_config
from tests.proxy.test_tracing import LangfuseIntakeServer
from tests.proxy.upstream import Upstream
from tests.proxy.waiting import settle

from thriftgate.stores.embedded.database import prepare_embedded
from thriftgate.stores.postgres.database import Database

CRASH = "CRASH-THE-ANALYZER"
"""What `leak_spy.py` makes the analyzer choke on."""
REQUESTS = int(os.environ.get("THRIFTGATE_LEAK_REQUESTS") or 300)
GIVEN = ("Alice", "Bogdan", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hamza", "Ingrid", "Joaquim")
SURNAMES = ("Abernathy", "Brzezinski", "Castellanos", "Dvorak", "Eriksson", "Fitzwilliam", "Guerrero", "Holmgren")
TABLES = ("requests", "calls", "cache_entries", "audits", "pseudonyms")


@dataclass
class Fuzz:
    gateway: GatewayProcess
    upstream: EchoUpstream
    langfuse: LangfuseIntakeServer
    values: set[str] = field(default_factory=set[str])
    wrong: list[str] = field(default_factory=list[str])


@pytest.fixture(scope="module")
def fuzz(provider_server: HTTPServer) -> Iterator[Fuzz]:
    servers = [HTTPServer(threaded=True), HTTPServer(threaded=True)]
    for server in servers:
        server.start()
    upstream, langfuse = EchoUpstream(servers[0]), LangfuseIntakeServer()
    servers[1].expect_request("/api/public/otel/v1/traces").respond_with_handler(langfuse.take_traces)
    servers[1].expect_request("/api/public/ingestion").respond_with_handler(langfuse.take_scores)
    config = privacy_config(upstream)
    config["litellm_settings"]["callbacks"] = ["leak_spy.spy"]
    config["callback_settings"]["thriftgate"]["tracing"] = {"langfuse": {"flush_interval": "50ms"}}
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-leaks-"))
    folder.chmod(0o755)
    for name in ("leak_spy.py",):
        shutil.copy(Path(__file__).with_name(name), folder / name)
    keys = {
        "LANGFUSE_HOST": servers[1].url_for("").rstrip("/"),
        "LANGFUSE_PUBLIC_KEY": "pk-1",
        "LANGFUSE_SECRET_KEY": "sk-secret",
    }
    port = free_port()
    process = start_proxy(folder, config, port, **keys)
    base_url = f"http://127.0.0.1:{port}"
    try:
        wait_until_alive(process, base_url, folder)
        yield Fuzz(GatewayProcess(base_url, folder, Upstream(provider_server)), upstream, langfuse)
    finally:
        stop(process)
        for server in servers:
            server.clear()
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def made_text(draw: random.Random, values: set[str]) -> str:
    name = f"{draw.choice(GIVEN)} {draw.choice(SURNAMES)}"
    parts = [f"my name is {name}"]
    values.update(name.split())
    for kind, label in (
        ("EMAIL_ADDRESS", "mail"), ("CREDIT_CARD", "card number"), ("PHONE_NUMBER", "phone"), ("IBAN_CODE", "IBAN"),
        ("US_SSN", "SSN"), ("SECRET", "api key"),
    ):  # fmt: skip
        if draw.random() < 0.5:
            value = KINDS[kind](draw)
            values.add(value)
            parts.append(f"{label}: {value}")
    draw.shuffle(parts)
    return "Hello, " + "; ".join(parts) + f"; ticket {draw.randrange(10)}"


def one_request(fuzz: Fuzz, seed: int) -> None:
    draw = random.Random(seed)
    values: set[str] = set()
    text = made_text(draw, values)
    if draw.random() < 0.05:
        text += f" {CRASH}"
    stream, with_tool = draw.random() < 0.5, draw.random() < 0.3
    dialect = draw.choice(["chat", "messages", "responses"])
    model = draw.choice(["plain-chat", "desk", "plain-messages"] if dialect != "responses" else ["plain-chat", "desk"])
    body: dict[str, Any] = {"model": model, "stream": stream}
    history = [{"role": "user", "content": text}, {"role": "assistant", "content": f"Understood: {text}"}]
    turns = [*(history if draw.random() < 0.4 else []), {"role": "user", "content": text}]
    if dialect == "chat":
        body |= {"messages": turns, **({"tools": TOOLS} if with_tool else {}), "metadata": {"note": text}}
    elif dialect == "messages":
        tools = [{"name": "send", "input_schema": {"type": "object"}}]
        body |= {
            "messages": turns,
            "max_tokens": 50,
            "system": f"Serve {text}",
            **({"tools": tools} if with_tool else {}),
        }
    else:
        body |= {"input": text, "instructions": f"Serve {text}"}
    headers = {"x-litellm-session-id": f"s-{seed}"} if draw.random() < 0.3 else {}
    path = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}[dialect]
    response = fuzz.gateway.post(path, body, CLIENT_KEY, **headers)
    fuzz.values |= values
    crashed = CRASH in text
    if crashed != (response.status_code == 503):
        fuzz.wrong.append(f"{seed}: HTTP {response.status_code} {response.text[:200]}")
    elif not crashed:
        said = answer_of(response, stream=stream)
        # LiteLLM may ask another of the provider's endpoints than the client did, and that one calls no tool here.
        if said != text and not (with_tool and same_json(arguments_of(text), said)):
            fuzz.wrong.append(f"{seed}: {dialect} {model} stream={stream} tool={with_tool}\n  {text}\n  {said}")


def same_json(one: str, other: str) -> bool:
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


def answer_of(response: httpx.Response, *, stream: bool) -> str:
    """What was said or the arguments of the tool, in any dialect."""
    if not stream:
        answer = response.json()
        if "choices" in answer:
            message = answer["choices"][0]["message"]
            calls = message.get("tool_calls")
            return calls[0]["function"]["arguments"] if calls else message["content"]
        if "content" in answer:
            block = answer["content"][0]
            return block["text"] if block["type"] == "text" else json.dumps(block["input"])
        return answer["output"][-1]["content"][0]["text"]
    out: list[str] = []
    for line in response.text.splitlines():
        if not line.startswith("data:") or line.endswith("[DONE]"):
            continue
        event = json.loads(line[5:])
        choices: list[dict[str, Any]] = event.get("choices") or []
        for choice in choices:
            calls: list[dict[str, Any]] = choice["delta"].get("tool_calls") or []
            out += [choice["delta"].get("content") or ""]
            out += [call["function"].get("arguments") or "" for call in calls]
        if event.get("type") == "content_block_delta":
            out += [event["delta"].get("text") or event["delta"].get("partial_json") or ""]
        if event.get("type") == "response.output_text.delta":
            out += [event["delta"]]
    return "".join(out)


async def _stored(folder: Path) -> str:
    database = Database(prepare_embedded(None, folder / ".thriftgate"), max_connections=1)
    try:
        rows: list[str] = []
        for table in TABLES:
            found = await database.fetch(f"SELECT t::text AS row FROM {table} t")
            rows += [str(row["row"]) for row in found]
        return "\n".join(rows)
    finally:
        await database.close()


@pytest.mark.timeout(60 + REQUESTS * 2)
def test_nothing_that_left_has_a_value_and_every_caller_got_their_own_back(fuzz: Fuzz) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(partial(one_request, fuzz), range(REQUESTS)))
    assert not fuzz.wrong, "\n".join(fuzz.wrong[:10]) + f"\n{len(fuzz.wrong)} of {REQUESTS}"
    settle(2.0)
    spied = Path(f"{fuzz.gateway.folder / 'spend.jsonl'}.spy").read_text(encoding="utf-8")
    places = {
        "the providers": fuzz.upstream.seen,
        "Langfuse": "\n".join(body.decode("utf-8", "replace") for body in fuzz.langfuse.bodies),
        "LiteLLM's loggers": spied,
        "the proxy's log": fuzz.gateway.log,
        "the database": asyncio.run(_stored(fuzz.gateway.folder)),
    }
    assert all(places.values()), [name for name, text in places.items() if not text]
    leaks = {name: [value for value in sorted(fuzz.values) if value in text] for name, text in places.items()}
    assert not any(leaks.values()), leaks
