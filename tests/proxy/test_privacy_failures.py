"""Personal data when something goes wrong: the check fails or never ends, a client goes away, an answer has some."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.asked import Asked
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess, gateway_config, route, running
from tests.proxy.stored import stored
from tests.proxy.upstream import Upstream, drips, says
from tests.proxy.waiting import eventually
from werkzeug import Response

pytestmark = [pytest.mark.xdist_group("privacy-failures"), pytest.mark.timeout(400)]

KEY = "privacy-key-of-the-tests-0123456789abcdef"
TIMEOUT = 1.0
NAME = "Alice Liddell"
ASKED = "I am Mrs. Alice Liddell. How long does a refund take?"
FOREIGN = "Ask Mr. Bob Stone, bob.stone@example.com, card 4111 1111 1111 1111."
STUCK = "NEVER-LET-THE-ANALYZER-END"
PATHS = ["/v1/chat/completions", "/v1/messages", "/v1/responses"]
everywhere = pytest.mark.parametrize("path", PATHS)
models = pytest.mark.parametrize("model", ["large", "guarded"], ids=["plain", "route"])
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def failures_config(upstream: str) -> dict[str, Any]:
    config = gateway_config(upstream)
    config["litellm_settings"]["callbacks"] = ["spend.recorder", "leak_spy.spy"]
    ours = config["callback_settings"]["thriftgate"]
    ours["routes"] = {
        name: {"cascade": {"tiers": [{"model": "large"}]}, "capture_content": True}
        for name in ("guarded", "flagging", "closed")
    }
    config["model_list"] = [
        *(one for one in config["model_list"] if not one["litellm_params"]["model"].startswith("thriftgate/")),
        *(route(name) for name in ours["routes"]),
    ]
    ours["privacy"] = {"key": KEY, "timeout": f"{TIMEOUT:g}s"}
    ours["guards"] = {
        "audit_log": "guards.jsonl",
        "injection": {"action": "off", "tools": "off"},
        "pii": {"action": "block"},
        "models": {"flagging": {"actions": {"pii": "flag"}}},
    }
    return config


@pytest.fixture(scope="module")
def gateway(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    upstream = Upstream(provider_server)
    with running("failures", failures_config(upstream.base_url), upstream, "leak_spy.py") as process:
        yield process


@pytest.fixture(autouse=True)
def forgetful(gateway: GatewayProcess) -> None:
    gateway.upstream.forget()
    gateway.upstream.on("large", says("Ten days."))


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


@everywhere
@models
@both
@pytest.mark.parametrize("word", ["CRASH-THE-ANALYZER", "KEEP-THE-ANALYZER-WAITING"])
def test_a_check_that_fails_sends_nothing_and_the_next_question_is_answered(
    gateway: GatewayProcess, path: str, model: str, stream: bool, word: str
) -> None:
    assert_refused(gateway, ask(gateway, path, model, f"{ASKED} {word}", stream=stream))
    assert ask(gateway, path, model, ASKED, stream=stream).status_code == 200


@everywhere
@models
def test_a_check_that_never_ends_is_refused_in_time_and_holds_up_nobody_else(
    gateway: GatewayProcess, path: str, model: str
) -> None:
    stuck = f"{ASKED} {STUCK} {path} {model}"
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        late = pool.submit(ask, gateway, path, model, stuck)
        others = [pool.submit(ask, gateway, path, model, f"{ASKED} {number}") for number in range(3)]
        assert [one.result().status_code for one in others] == [200, 200, 200]
        answer = late.result()
    assert answer.status_code == 503, answer.text
    assert NAME not in answer.text
    assert STUCK not in json.dumps(gateway.upstream.asked("large"))
    assert time.monotonic() - started < 60, "the bound is of the order of the time-out, however busy the machine"
    (gateway.folder / "let-go").touch()
    assert eventually(lambda: ask(gateway, path, model, stuck).status_code == 200, 30)
    (gateway.folder / "let-go").unlink()
    assert NAME not in json.dumps(gateway.upstream.asked("large"))
    assert NAME not in gateway.log


def sse_names(said: list[str]) -> list[str]:
    """Placeholders cut in two, and then talk that does not end before somebody goes away."""
    return [*said, *(["word "] * 200)]


@pytest.mark.parametrize("path", PATHS)
@models
def test_a_client_that_goes_away_ends_the_call_and_leaves_nothing_of_itself(
    gateway: GatewayProcess, path: str, model: str
) -> None:
    session = {"x-litellm-session-id": f"gone-{path}-{model}"}
    gateway.upstream.on("large", _endless(gateway.upstream, ["Dear <PERS", "ON_1>, ", "all is well with <PER"]))
    headers = {"Authorization": f"Bearer {CLIENT_KEY}", **session}
    body = body_of(path, model, ASKED, stream=True)
    seen = ""
    with httpx.stream("POST", f"{gateway.base_url}{path}", json=body, headers=headers, timeout=60) as response:
        request_id = response.headers.get("x-thriftgate-request-id", "")
        for piece in response.iter_text():
            seen += piece
            if NAME in seen:
                break
    assert NAME in seen
    assert eventually(lambda: gateway.upstream.closed_early == ["large"], 30)
    if model == "guarded":
        assert eventually(lambda: _status(gateway, request_id) == "cancelled", 30), _status(gateway, request_id)
    gateway.upstream.on("large", says("Dear <PERSON_1>, it takes ten days."))
    later = gateway.post(path, body_of(path, model, "Who am I?"), CLIENT_KEY, **session)
    assert NAME in later.text, "the conversation goes on"
    stranger = gateway.post(path, body_of(path, model, "Who am I?"), "sk-app-globex-bob", **session)
    assert "Alice" not in stranger.text
    assert "PERSON_1" in stranger.text
    assert "Alice" not in gateway.log
    assert "Alice" not in json.dumps(gateway.upstream.asked("large"))
    tables = asyncio.run(stored(gateway.folder))
    assert [name for name, rows in tables.items() if "Alice" in rows] == []


@everywhere
@models
@both
def test_personal_data_in_an_answer_is_kept_back_but_not_what_the_asker_said(
    gateway: GatewayProcess, path: str, model: str, stream: bool
) -> None:
    gateway.upstream.on("large", says(f"It takes ten days. {FOREIGN} " + "And more. " * 40))
    got = ask(gateway, path, model, ASKED, stream=stream)
    assert "bob.stone@example.com" not in got.text
    assert "4111" not in got.text
    assert "content_blocked" in got.text or "refused the answer" in got.text, got.text
    assert (got.status_code == 400) is not stream
    gateway.upstream.on("large", says("Dear <PERSON_1>, it takes ten days."))
    own = ask(gateway, path, model, ASKED, stream=stream)
    assert own.status_code == 200, own.text
    assert NAME in own.text
    assert "content_blocked" not in own.text


@everywhere
@both
def test_where_it_only_flags_the_answer_passes_and_the_audit_log_says_what_it_has(
    gateway: GatewayProcess, path: str, stream: bool
) -> None:
    gateway.upstream.on("large", says(FOREIGN))
    log = gateway.folder / "guards.jsonl"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    got = ask(gateway, path, "flagging", ASKED, stream=stream)
    assert got.status_code == 200, got.text
    assert "bob.stone@example.com" in got.text or stream
    if not stream:
        assert got.headers["x-thriftgate-guard"].startswith("pii:")

    def found() -> set[str]:
        lines = [json.loads(line) for line in log.read_text().splitlines()[before:]]
        return {one["rule"] for one in lines if one["guard"] == "pii" and one["action"] == "flag"}

    assert eventually(lambda: {"EMAIL_ADDRESS", "CREDIT_CARD"} <= found())
    assert "bob.stone" not in log.read_text()


@both
def test_an_answer_that_could_not_be_checked_passes_where_guards_fail_open_and_is_named(
    gateway: GatewayProcess, stream: bool
) -> None:
    gateway.upstream.on("large", says("Ten days. CRASH-THE-ANALYZER"))
    log = gateway.folder / "guards.jsonl"
    got = ask(gateway, PATHS[0], "guarded", f"{ASKED} {stream}", stream=stream)
    assert got.status_code == 200, got.text
    assert eventually(lambda: log.exists() and "failed" in log.read_text()), log.read_text()
    assert "CRASH" not in log.read_text()
    assert "CRASH" not in gateway.log


def _endless(upstream: Upstream, said: list[str]) -> Any:
    chat = drips(upstream, sse_names(said), pause=0.05)

    def reply(body: Asked) -> Response:
        return chat(body)

    return reply


def _status(gateway: GatewayProcess, request_id: str) -> str:
    rows = asyncio.run(stored(gateway.folder))
    found = [row for row in rows["table thriftgate.requests"].splitlines() if request_id and request_id in row]
    return "cancelled" if any("cancelled" in row for row in found) else "; ".join(found)
