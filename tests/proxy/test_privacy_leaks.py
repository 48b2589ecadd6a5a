"""Requests with made-up values, in every form: whatever left is searched for every value.

`THRIFTGATE_LEAK_REQUESTS=5000` makes it the long run of evals/privacy, `THRIFTGATE_LEAK_REPORT=file` writes down what
was searched, `THRIFTGATE_LEAK_FIRST=2000` begins at another request than the first.
"""

import asyncio
import json
import os
import random
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from evals.privacy.structured import KINDS
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import (
    CLIENT_KEY,
    SCRAPER_TOKEN,
    GatewayProcess,
    free_port,
    start_proxy,
    stop,
    wait_until_alive,
)
from tests.proxy.langfuse_intake import LangfuseIntakeServer
from tests.proxy.privacy_upstream import EchoUpstream, arguments_of
from tests.proxy.scrape import PATH as METRICS
from tests.proxy.stored import stored
from tests.proxy.test_privacy import TOOLS, privacy_config
from tests.proxy.upstream import Upstream
from tests.proxy.waiting import eventually, settle

FAILING = ("CRASH-THE-ANALYZER", "KEEP-THE-ANALYZER-WAITING")
"""What `leak_spy.py` makes the analyzer choke on, and give up at."""
REQUESTS = int(os.environ.get("THRIFTGATE_LEAK_REQUESTS") or 60)
FIRST = int(os.environ.get("THRIFTGATE_LEAK_FIRST") or 0)
AT_ONCE = 8
KEYS = (CLIENT_KEY, "sk-app-globex-bob", "sk-web-acme-eve")
"""Of two teams, and of two consumers of one."""
GIVEN = ("Alice", "Bogdan", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hamza", "Ingrid", "Joaquim")
SURNAMES = ("Abernathy", "Brzezinski", "Castellanos", "Dvorak", "Eriksson", "Fitzwilliam", "Guerrero", "Holmgren")
LABELS = (
    ("EMAIL_ADDRESS", "mail"), ("CREDIT_CARD", "card number"), ("PHONE_NUMBER", "phone"), ("IBAN_CODE", "IBAN"),
    ("US_SSN", "SSN"), ("SECRET", "api key"), ("IP_ADDRESS", "ip address"),
)  # fmt: skip
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
_SHINGLE = 8
_SEPARATORS = str.maketrans("", "", " -.")


@dataclass
class Fuzz:
    gateway: GatewayProcess
    upstream: EchoUpstream
    langfuse: LangfuseIntakeServer
    client: httpx.Client
    values: set[str] = field(default_factory=set[str])
    wrong: list[str] = field(default_factory=list[str])
    refusals: list[str] = field(default_factory=list[str])
    kinds: Counter[str] = field(default_factory=Counter[str])
    lock: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture(scope="module")
def fuzz(provider_server: HTTPServer) -> Iterator[Fuzz]:
    servers = [HTTPServer(threaded=True), HTTPServer(threaded=True)]
    for server in servers:
        server.start()
    upstream, langfuse = EchoUpstream(servers[0]), LangfuseIntakeServer()
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-leaks-"))
    folder.chmod(0o755)
    shutil.copy(Path(__file__).with_name("leak_spy.py"), folder / "leak_spy.py")
    port = free_port()
    process = start_proxy(folder, leak_config(upstream), port, **langfuse.serve(servers[1]))
    base_url = f"http://127.0.0.1:{port}"
    try:
        wait_until_alive(process, base_url, folder)
        with httpx.Client(base_url=base_url, timeout=120, limits=httpx.Limits(max_connections=AT_ONCE)) as client:
            yield Fuzz(GatewayProcess(base_url, folder, Upstream(provider_server)), upstream, langfuse, client)
    finally:
        stop(process)
        for server in servers:
            server.clear()
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def leak_config(upstream: EchoUpstream) -> dict[str, Any]:
    config = privacy_config(upstream)
    config["litellm_settings"]["callbacks"] = ["leak_spy.spy"]
    config["model_list"].append({"model_name": "audited", "litellm_params": {"model": "thriftgate/audited"}})
    config["model_list"].append({**config["model_list"][0], "model_name": "plain-large"})
    ours = config["callback_settings"]["thriftgate"]
    ours["tracing"] = {"langfuse": {"flush_interval": "50ms"}}
    tiers = [{"model": "plain-chat"}, {"model": "plain-large"}]
    ours["routes"]["audited"] = {
        "cascade": {"tiers": tiers, "accept_at": 0.5, "audit": {"share": 0.5}, "holdout": 0},
        "capture_content": True,
    }
    return config


def made_text(draw: random.Random, values: set[str]) -> str:
    """A text with values that go into `values`."""
    name = f"{draw.choice(GIVEN)} {draw.choice(SURNAMES)}"
    values.update(name.split())
    parts = [f"my name is {name}"]
    for kind, label in LABELS:
        if draw.random() < 0.5:
            value = KINDS[kind](draw)
            values.add(value)
            parts.append(f"{label}: {value}")
            if draw.random() < 0.3:  # named, then bare
                parts.append(draw.choice(["order {}", "I typed {} twice", "so is {} ok?"]).format(value))
    draw.shuffle(parts)
    return "Hello, " + "; ".join(parts) + f"; ticket {draw.randrange(10)}"


def alike_text(draw: random.Random, values: set[str]) -> str:
    """A question that many ask, each with values of their own, so that the cache may answer it."""
    name, mail = f"{draw.choice(GIVEN)} {draw.choice(SURNAMES)}", KINDS["EMAIL_ADDRESS"](draw)
    values.update([*name.split(), mail])
    return f"My name is {name}, mail: {mail}. How long may I return a pair of shoes that I bought?"


def history_of(draw: random.Random, dialect: str, text: str) -> list[dict[str, Any]]:
    """Earlier turns that say the same: none, talk, or a tool's call and what it gave back."""
    kind = draw.random()
    if kind < 0.5:
        return []
    if kind < 0.75:
        return [{"role": "user", "content": text}, {"role": "assistant", "content": f"Understood: {text}"}]
    if dialect == "chat":
        call = {"id": "call_0", "type": "function", "function": {"name": "send", "arguments": arguments_of(text)}}
        return [
            {"role": "user", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_0", "content": json.dumps({"found": [text]})},
        ]
    use = {"type": "tool_use", "id": "toolu_0", "name": "send", "input": json.loads(arguments_of(text))}
    result = {"type": "tool_result", "tool_use_id": "toolu_0", "content": json.dumps({"found": [text]})}
    return [
        {"role": "user", "content": text},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]


def body_of(draw: random.Random, dialect: str, text: str, *, with_tool: bool, is_alike: bool) -> dict[str, Any]:
    told = "Serve whoever asks" if is_alike else f"Serve {text}"
    if dialect == "responses":
        tool: dict[str, Any] = {"type": "function", "name": "send", "parameters": {"type": "object", "properties": {}}}
        return {"input": text, "instructions": told, **({"tools": [tool]} if with_tool else {})}
    earlier = [] if is_alike else history_of(draw, dialect, text)
    turns = [*earlier, {"role": "user", "content": text}]
    if dialect == "chat":
        return {"messages": turns, **({"tools": TOOLS} if with_tool else {}), "metadata": {"note": text}}
    tools: dict[str, Any] = {"tools": [{"name": "send", "input_schema": {"type": "object"}}]} if with_tool else {}
    return {"messages": turns, "max_tokens": 50, "system": told, **tools}


def one_request(fuzz: Fuzz, seed: int) -> None:
    draw = random.Random(seed)
    values: set[str] = set()
    is_alike = draw.random() < 0.33
    text = alike_text(draw, values) if is_alike else made_text(draw, values)
    fails = draw.random() < 0.05
    if fails:
        text += f" {draw.choice(FAILING)}"
    stream, with_tool = draw.random() < 0.5, not is_alike and draw.random() < 0.3
    dialect = draw.choice(sorted(PATHS))
    models = ["plain-chat", "desk", "audited", *(["plain-messages"] if dialect != "responses" else [])]
    model = "desk" if is_alike else draw.choice(models)
    body = {"model": model, "stream": stream}
    body |= body_of(draw, dialect, text, with_tool=with_tool, is_alike=is_alike)
    calls_tool = with_tool or "call_0" in json.dumps(body)
    headers = {"Authorization": f"Bearer {draw.choice(KEYS)}"}
    if draw.random() < 0.3:
        headers["x-litellm-session-id"] = f"s-{seed}"
    response = fuzz.client.post(PATHS[dialect], json=body, headers=headers)
    wrong = ""
    if fails != (response.status_code == 503):
        wrong = f"{seed}: {dialect} {model} HTTP {response.status_code} {response.text[:200]}"
    elif not fails:
        said = answer_of(response, stream=stream)
        # LiteLLM may ask another of the provider's endpoints than the client did, and that one calls no tool here; for
        # a history with tools it asks with a tool of its own, and the echo joins what was said after a result.
        called = [arguments_of(text), arguments_of(f" {text}")] if calls_tool else []
        if said.strip() != text and not any(same_json(one, said) for one in called):
            wrong = f"{seed}: {dialect} {model} stream={stream} tool={with_tool}\n  {text}\n  {said}"
    with fuzz.lock:
        fuzz.values |= values
        fuzz.kinds.update([dialect, f"model {model}", "streamed" if stream else "whole"])
        fuzz.kinds.update([f"decision {response.headers.get('x-thriftgate-decision', '-')}"])
        fuzz.kinds.update(["tool"] if with_tool else ())
        if fails:
            fuzz.kinds["analyzer failed"] += 1
            fuzz.refusals.append(f"{response.headers}\n{response.text}")
        else:
            fuzz.refusals.append(str(response.headers))
        fuzz.wrong += [wrong] if wrong else ()


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
        item = answer["output"][-1]
        return item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"]
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
        if event.get("type") in ("response.output_text.delta", "response.function_call_arguments.delta"):
            out += [event["delta"]]
    return "".join(out)


def found_in(text: str, values: Iterable[str]) -> list[str]:
    """The values that are in the text, as they are or without spaces, dots and dashes; one pass for all of them."""
    found = _shingled(text, {value: value for value in values})
    squeezed = {value.translate(_SEPARATORS): value for value in values}
    found |= _shingled(text.translate(_SEPARATORS), {one: value for one, value in squeezed.items() if len(one) >= 12})
    return sorted(found)


def _shingled(text: str, values: dict[str, str]) -> set[str]:
    found = {value for written, value in values.items() if len(written) < _SHINGLE and written in text}
    heads: dict[str, list[str]] = {}
    for written in values:
        if len(written) >= _SHINGLE:
            heads.setdefault(written[:_SHINGLE], []).append(written)
    for at in range(len(text) - _SHINGLE + 1):
        for written in heads.get(text[at : at + _SHINGLE], ()):
            if text.startswith(written, at):
                found.add(values[written])
    return found


def _files(folder: Path) -> str:
    """What the proxy wrote beside its database: logs, spend, what LiteLLM's loggers saw."""
    return "\n".join(
        path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.iterdir()) if path.is_file()
    )


def test_the_search_finds_a_value_however_it_is_written() -> None:
    values = ["4111 1111 1111 1111", "joe@x.io", "Elif", "10.1.2.3"]
    text = "…4111-1111-1111-1111 xjoe@x.iox nElif"
    assert found_in(text, values) == ["4111 1111 1111 1111", "Elif", "joe@x.io"]
    assert found_in("nothing", values) == []


def test_what_a_client_tells_litellm_of_a_request_reaches_no_logger_in_clear(fuzz: Fuzz) -> None:
    mails = {dialect: f"ann.{dialect}@wonder.example" for dialect in PATHS}
    for dialect, mail in mails.items():
        body = body_of(random.Random(0), dialect, f"{dialect}: how long?", with_tool=False, is_alike=True)
        told = {"note": f"{dialect} from {mail}", mail: "x", "deployment": mail, "user_agent": mail}
        told |= dict.fromkeys(("agent_id", "policies", "user_api_keys"), mail) | {"guardrail_config": {"of": mail}}
        body |= {"model": "plain-chat", "litellm_metadata": told, "metadata": {**told, "tags": [mail]}}
        answer = fuzz.client.post(PATHS[dialect], json=body, headers={"Authorization": f"Bearer {CLIENT_KEY}"})
        assert answer.status_code == 200, answer.text
    assert eventually(lambda: "from <EMAIL_ADDRESS_" in _files(fuzz.gateway.folder), 60), "it is told"
    settle(2.0)
    assert found_in(_files(fuzz.gateway.folder), mails.values()) == []


@pytest.mark.timeout(300 + REQUESTS * 2)
def test_nothing_that_left_has_a_value_and_every_caller_got_their_own_back(fuzz: Fuzz) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(partial(one_request, fuzz), range(FIRST, FIRST + REQUESTS)))
    settle(2.0)
    metrics = fuzz.client.get(METRICS, headers={"Authorization": f"Bearer {SCRAPER_TOKEN}"})
    places = {
        "the providers": fuzz.upstream.seen,
        "headers to the providers": "\n".join(fuzz.upstream.heads),
        "Langfuse": "\n".join(body.decode("utf-8", "replace") for body in fuzz.langfuse.bodies),
        "Langfuse's scores": json.dumps(fuzz.langfuse.events, ensure_ascii=False),
        "files": _files(fuzz.gateway.folder),
        "metrics": metrics.text,
        "refusals and headers to clients": "\n".join(fuzz.refusals),
        **asyncio.run(stored(fuzz.gateway.folder)),
    }
    leaks = {name: found for name, text in places.items() if (found := found_in(text, fuzz.values))}
    report = {
        "requests": REQUESTS, "values": len(fuzz.values), "wrong answers": len(fuzz.wrong), "leaks": leaks,
        "kinds": dict(sorted(fuzz.kinds.items())), "searched characters": {n: len(t) for n, t in places.items()},
    }  # fmt: skip
    if file := os.environ.get("THRIFTGATE_LEAK_REPORT"):
        Path(file).write_text(json.dumps(report, indent=1) + "\n" + "\n".join(fuzz.wrong), encoding="utf-8")
    assert not leaks, json.dumps(report)[:4000]
    assert not fuzz.wrong, "\n".join(fuzz.wrong[:10]) + f"\n{len(fuzz.wrong)} of {REQUESTS}"
    searched = {name.split(".")[-1] for name, text in places.items() if text}
    wanted = {"the providers", "Langfuse", "files", "metrics", "requests", "calls", "cache_entries", "pseudonyms"}
    assert wanted <= searched, f"nothing was searched in {wanted - searched}"
    assert fuzz.kinds["decision exact_hit"], "no answer came from the cache"
