"""A gateway whose private models and guards fail, answers of every dialect in words, and where nothing may be left."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess, deployment, gateway_config, route
from tests.proxy.stored import stored
from tests.proxy.upstream import Reply, Upstream, drips
from tests.proxy.waiting import eventually

KEY = "privacy-key-of-the-tests-0123456789abcdef"
TIMEOUT = 1.0
IBAN = "DE89370400440532013000"
NAME = "Alice Liddell"
ASKED = "I am Mrs. Alice Liddell. How long does a refund take?"
FOREIGN = "Ask Mr. Bob Stone, bob.stone@example.com, card 4111 1111 1111 1111."
STUCK = "NEVER-LET-THE-ANALYZER-END"
PATHS = ["/v1/chat/completions", "/v1/messages", "/v1/responses"]
ACCOUNT = f"I am Mrs. {NAME}, my account is {IBAN}. Has the refund come?"
INCLUDED = {"include": ["message.output_text.logprobs"]}
MAIL = "alice.liddell@wonder.example"
MAILED = f"I am Mrs. {NAME}, my mail is {MAIL}. Has the refund come?"


def failures_config(upstream: str) -> dict[str, Any]:
    config = gateway_config(upstream)
    # Under LiteLLM's own redaction of everything nothing would show whether a private request is redacted.
    config["litellm_settings"] |= {"callbacks": ["spend.recorder", "leak_spy.spy"], "turn_off_message_logging": False}
    ours = config["callback_settings"]["thriftgate"]
    ours["routes"] = {
        name: {"cascade": {"tiers": [{"model": "large"}]}, "capture_content": True}
        for name in ("guarded", "flagging", "closed")
    }
    config["model_list"] = [
        *(one for one in config["model_list"] if not one["litellm_params"]["model"].startswith("thriftgate/")),
        *(route(name) for name in ours["routes"]),
    ]
    tiers = {"at-home": "small", "lost-home": "lost-small", "twice-home": "twice-small", "gone-home": "gone-small",
             "naming-home": "naming-small"}  # fmt: skip
    for name, tier in tiers.items():
        ours["routes"][name] = {
            "cascade": {
                "tiers": [{"model": tier}, {"model": "large"}], "judge": {"model": "judge"}, "holdout": 0,
                "audit": {"share": 0},
            },
            "cache": {"max_error": 0.01, "min_similarity": 0.9, "verify": {"share": 0}},
            "capture_content": True,
        }  # fmt: skip
        config["model_list"].append(route(name))
    ours["routes"]["home-last"] = {**ours["routes"]["at-home"], "cascade": {"tiers": [{"model": "small"}]}}
    ours["routes"]["unwatched"] = {"cascade": {"tiers": [{"model": "unwatched-small"}]}}
    config["model_list"] += [
        route("unwatched"), route("home-last"), deployment("unwatched-small", upstream),
        deployment("lost-small", upstream), deployment("open-small", upstream), deployment("open-too", upstream),
        deployment("naming-small", upstream),
        *(deployment(f"{one}-small", upstream, model=f"{one}-{name}", order=order)
          for one in ("twice", "gone") for order, name in enumerate(("first", "second"), start=1)),
    ]  # fmt: skip
    # Whatever else falls back, a private request does not.
    fallbacks = [{"small": ["large"]}, {"lost-small": ["large"]}, {"twice-small": ["large"]},
                 {"gone-small": ["large"]},
                 {"open-small": ["large", "open-too"]}]  # fmt: skip
    config["router_settings"] = {**config.get("router_settings", {}), "fallbacks": fallbacks}
    private = {"entities": {"IBAN_CODE": "private", "EMAIL_ADDRESS": "local"}}
    ours["privacy"] = {
        "key": KEY,
        "timeout": f"{TIMEOUT:g}s",
        "private_models": ["small", "lost-small", "twice-small", "gone-small", "naming-small"],
        "models": {
            **dict.fromkeys(("at-home", "home-last", "lost-home", "small", "lost-small", "gpt-large"), private),
            **dict.fromkeys(("twice-home", "twice-small", "gone-home", "gone-small"), private),
            **dict.fromkeys(("naming-home", "naming-small"), private),
            **{name: {"protect": False} for name in ("unwatched", "unwatched-small")},
            "open-small": {"protect": False},
            "open-too": {"protect": False},
        },
    }
    ours["guards"] = {
        "audit_log": "guards.jsonl",
        "injection": {"action": "off", "tools": "off"},
        "pii": {"action": "block"},
        "models": {
            "flagging": {"actions": {"pii": "flag"}},
            **{name: {"protect": False} for name in ("at-home", "home-last", "small", "gpt-large")},
            **{name: {"protect": False} for name in ("twice-home", "twice-small", "open-small")},
        },
    }
    return config


def body_of(path: str, model: str, text: str, **more: Any) -> dict[str, Any]:
    if path.endswith("responses"):
        return {"model": model, "input": text, **more}
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 99, **more}


def ask(gateway: GatewayProcess, path: str, model: str, text: str, **more: Any) -> httpx.Response:
    return gateway.post(path, body_of(path, model, text, **more), CLIENT_KEY)


def assert_refused(gateway: GatewayProcess, answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert "personal data" in answer.text
    assert NAME not in answer.text
    assert gateway.upstream.asked("large") == []


def spoken(answer: httpx.Response) -> list[str]:
    """The words of an answer of any dialect, whole or streamed."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        said: dict[str, Any] = answer.json()
        if "choices" in said:
            return [said["choices"][0]["message"]["content"]]
        return [part["text"] for part in said.get("content") or said["output"][-1]["content"]]
    events = [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    words = [choice["delta"].get("content") or "" for event in events for choice in event.get("choices") or ()]
    words += [event["delta"].get("text") or "" for event in events if event.get("type") == "content_block_delta"]
    return [*words, *(event["delta"] for event in events if event.get("type") == "response.output_text.delta")]


def logged(gateway: GatewayProcess) -> list[str]:
    """What LiteLLM told a logger, a line for each call or request that ended."""
    spied = gateway.folder / "spend.jsonl.spy"
    return spied.read_text().splitlines() if spied.exists() else []


def nowhere(gateway: GatewayProcess, value: str = IBAN, *, of: Sequence[httpx.Response] = ()) -> None:
    """No table and no log has the value, nor what LiteLLM's loggers are told, once they were told `of` these requests.

    Of a failed request they see its data besides, as `docs/design/privacy.md` says.
    """
    for answer in of:
        ids = [answer.headers[name] for name in _IDS if name in answer.headers]
        assert eventually(lambda: any(one in line for line in logged(gateway) for one in ids), 30), ids  # noqa: B023
    assert eventually(lambda: bool(logged(gateway)))
    rows: list[list[dict[str, Any]]] = [json.loads(line) for line in logged(gateway)]
    told = [details["error"] if "request_data" in details else [details, *row] for details, *row in rows]
    texts = {"log": gateway.log, "loggers": json.dumps(told), **asyncio.run(stored(gateway.folder))}
    found = {name: text[max(0, text.find(value) - 400) :][:500] for name, text in texts.items() if value in text}
    assert found == {}


_IDS = ("x-thriftgate-request-id", "x-litellm-call-id")


def written_everywhere(path: str, text: str) -> dict[str, Any]:
    """Fields beside the conversation in which a client may write something, with the text in each."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "description": text}}}
    if path.endswith("responses"):
        tool = {"type": "function", "name": "send", "description": text, "parameters": schema}
        return {"instructions": text, "tools": [tool], "metadata": {"note": text}}
    if path.endswith("messages"):
        tool = {"name": "send", "description": text, "input_schema": schema}
        return {"system": text, "tools": [tool]}
    function = {"name": "send", "description": text, "parameters": schema}
    return {"tools": [{"type": "function", "function": function}], "stop": [text], "metadata": {"note": text}}


def status_of(gateway: GatewayProcess, request_id: str) -> str:
    rows = asyncio.run(stored(gateway.folder))
    found = [row for row in rows["table thriftgate.requests"].splitlines() if request_id and request_id in row]
    return "cancelled" if any("cancelled" in row for row in found) else "; ".join(found)


def endless(upstream: Upstream, said: list[str]) -> Reply:
    """Placeholders cut in two, and then talk that does not end before somebody goes away."""
    return drips(upstream, [*said, *(["word "] * 200)], pause=0.05)
