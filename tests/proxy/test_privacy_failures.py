"""Personal data when a check fails, a client goes away, an answer has some, or one model alone may see it."""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess, running
from tests.proxy.privacy_failing import (
    ACCOUNT,
    ASKED,
    FOREIGN,
    IBAN,
    INCLUDED,
    MAIL,
    MAILED,
    NAME,
    PATHS,
    STUCK,
    ask,
    assert_refused,
    body_of,
    endless,
    failures_config,
    logged,
    nowhere,
    spoken,
    status_of,
    written_everywhere,
)
from tests.proxy.stored import executed, stored
from tests.proxy.upstream import Upstream, says
from tests.proxy.waiting import eventually

pytestmark = [pytest.mark.xdist_group("privacy-failures"), pytest.mark.timeout(400)]

everywhere = pytest.mark.parametrize("path", PATHS)
models = pytest.mark.parametrize("model", ["large", "guarded"], ids=["plain", "route"])
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def gateway(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    upstream = Upstream(provider_server)
    with running("failures", failures_config(upstream.base_url), upstream, "leak_spy.py") as process:
        yield process


@pytest.fixture(autouse=True)
def forgetful(gateway: GatewayProcess) -> None:
    gateway.upstream.forget()
    gateway.upstream.on("large", says("Ten days."))


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


@pytest.mark.parametrize(
    ("break_it", "mend_it"),
    [
        ("ALTER TABLE thriftgate.pseudonyms RENAME TO gone", "ALTER TABLE thriftgate.gone RENAME TO pseudonyms"),
        ("UPDATE thriftgate.pseudonyms SET sealed = '\\x00'", "DELETE FROM thriftgate.pseudonyms"),
    ],
    ids=["vault-away", "key-lost"],
)
def test_a_conversation_whose_pseudonyms_cannot_be_read_is_refused_and_nothing_is_sent(
    gateway: GatewayProcess, break_it: str, mend_it: str
) -> None:
    """Of a row that another key sealed the gateway sees as much as of this one: it cannot be opened."""
    asked = [(path, model, stream) for path in PATHS for model in ("large", "guarded") for stream in (False, True)]

    def again(path: str, model: str, stream: bool) -> httpx.Response:
        session = {"x-litellm-session-id": "of-the-vault"}
        return gateway.post(path, body_of(path, model, ASKED, stream=stream), CLIENT_KEY, **session)

    assert again(*asked[0]).status_code == 200
    gateway.upstream.forget()
    asyncio.run(executed(gateway.folder, break_it))
    try:
        answers = [again(*one) for one in asked]
        without = ask(gateway, PATHS[0], "large", ASKED)
    finally:
        asyncio.run(executed(gateway.folder, mend_it))
    for answer in answers:
        assert answer.status_code == 503, answer.text
        assert NAME not in answer.text
    assert without.status_code == 200, "a conversation without a name needs no vault"
    assert len(gateway.upstream.asked("large")) == 1
    assert again(*asked[0]).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@models
def test_a_client_that_goes_away_ends_the_call_and_leaves_nothing_of_itself(
    gateway: GatewayProcess, path: str, model: str
) -> None:
    session = {"x-litellm-session-id": f"gone-{path}-{model}"}
    gateway.upstream.on("large", endless(gateway.upstream, ["Dear <PERS", "ON_1>, ", "all is well with <PER"]))
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
        assert eventually(lambda: status_of(gateway, request_id) == "cancelled", 30), status_of(gateway, request_id)
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


@pytest.fixture
def home(gateway: GatewayProcess) -> GatewayProcess:
    """With a private model that is not sure of its answer, and says the account back."""
    gateway.upstream.on("small", says(f"Dear <PERSON_1>, nothing came to {IBAN}.", logprob=-3.0))
    gateway.upstream.on("judge", says("0.1"))
    return gateway


@everywhere
@both
def test_what_only_a_private_model_may_see_goes_to_that_tier_alone_and_stays_nowhere(
    home: GatewayProcess, path: str, stream: bool
) -> None:
    got = ask(home, path, "at-home", ACCOUNT, stream=stream)
    again = ask(home, path, "at-home", ACCOUNT, stream=stream)
    for answer in (got, again):
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-thriftgate-tier"] == "small"
        assert '"reason":"private"' in answer.text.replace(" ", "")
        if not stream:
            assert answer.headers["x-thriftgate-reason"] == "private"
            assert f"Dear {NAME}, nothing came to {IBAN}." in answer.text
    sent = json.dumps(home.upstream.asked("small"))
    assert IBAN in sent
    assert NAME not in sent, "what is pseudonymized is so for private models too"
    assert not any(word in sent for word in ("disable_fallbacks", "no-store", "turn_off_message_logging"))
    assert len(home.upstream.asked("small")) == 2, "no answer is kept"
    assert home.upstream.asked("large") == home.upstream.asked("judge") == []
    request_id = got.headers["x-thriftgate-request-id"]

    def booked() -> list[str]:
        rows = asyncio.run(stored(home.folder))["table thriftgate.requests"].splitlines()
        return [row for row in rows if request_id in row]

    assert eventually(lambda: bool(booked()), 30)
    assert "IBAN_CODE" in booked()[0]
    nowhere(home, of=(got, again))


@everywhere
@both
def test_what_is_not_private_takes_the_whole_cascade(home: GatewayProcess, path: str, stream: bool) -> None:
    home.upstream.on("small", says(""))
    got = ask(home, path, "at-home", f"Has the refund come? {path} {stream}", stream=stream)
    assert got.status_code == 200, got.text
    assert home.upstream.asked("small")
    assert home.upstream.asked("large")


@everywhere
@both
def test_a_private_tier_sees_what_the_next_sees_as_a_placeholder(home: GatewayProcess, path: str, stream: bool) -> None:
    """The private tier is unsure: its answer has the value, and leaves no trace beside the one that is given."""
    # Only one of the dialects has log-probabilities here, by which an answer is judged; each refuses an empty one.
    unsure = says(f"Dear <PERSON_1>, I wrote to {MAIL}.", logprob=-3.0)
    home.upstream.on("small", unsure if path == PATHS[0] else says(""))
    home.upstream.on("large", says("Dear <PERSON_1>, see <EMAIL_ADDRESS_1>."))
    asked = f"{MAILED} {path} {stream}"
    answer = ask(home, path, "at-home", asked, stream=stream)
    assert answer.status_code == 200, answer.text
    assert "".join(spoken(answer)) == f"Dear {NAME}, see {MAIL}."
    near, far = (json.dumps(home.upstream.asked(model)) for model in ("small", "large"))
    assert MAIL in near
    assert "<EMAIL_ADDRESS_1>" in far
    assert MAIL not in far
    assert NAME not in near + far, "what is pseudonymized is so for private models too"
    assert home.upstream.asked("judge") == [], "a judge elsewhere would read what the private tier said"

    def again() -> str:
        return ask(home, path, "at-home", asked, stream=stream).headers["x-thriftgate-decision"]

    assert eventually(lambda: again() == "exact_hit"), "what the other tier said is kept"
    nowhere(home, MAIL, of=[answer])


@everywhere
@both
def test_an_answer_of_a_private_tier_is_logged_without_its_tokens(
    home: GatewayProcess, path: str, stream: bool
) -> None:
    """LiteLLM redacts the words of an answer, and leaves them in its log-probabilities, which a cascade asks for."""
    home.upstream.on("small", says(f"I wrote to {MAIL} about {IBAN}.", logprob=-0.01))
    before = len(logged(home))
    asked = f"{MAILED} {IBAN} {path} {stream} tokens"
    more: dict[str, Any] = {} if path == PATHS[1] else {"logprobs": True} if path == PATHS[0] else INCLUDED
    assert ask(home, path, "at-home", asked, stream=stream, **more).status_code == 200
    assert ask(home, path, "small", asked, stream=stream, **more).status_code == 200
    assert ask(home, path, "at-home", asked.replace(IBAN, ""), stream=stream).status_code == 200
    assert eventually(lambda: len(logged(home)) >= before + 4)
    nowhere(home, MAIL)
    nowhere(home)


@everywhere
@both
def test_what_a_private_tier_says_of_such_a_value_is_given_and_kept_for_nobody(
    home: GatewayProcess, path: str, stream: bool
) -> None:
    home.upstream.on("small", says(f"Dear <PERSON_1>, I wrote to {MAIL}."))
    answers = [ask(home, path, "home-last", f"{MAILED} {path} {stream} kept", stream=stream) for _ in range(2)]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert "".join(spoken(answer)) == f"Dear {NAME}, I wrote to {MAIL}."
    assert len(home.upstream.asked("small")) == 2, "no answer is kept"
    nowhere(home, MAIL, of=answers)


def test_a_plain_model_sees_a_local_value_only_where_it_is_private(home: GatewayProcess) -> None:
    near = ask(home, PATHS[0], "small", MAILED)
    assert MAIL in json.dumps(home.upstream.asked("small"))
    home.upstream.on("gpt-large", says("See <EMAIL_ADDRESS_1>."))
    answer = ask(home, PATHS[0], "gpt-large", MAILED)
    assert answer.json()["choices"][0]["message"]["content"] == f"See {MAIL}."
    assert MAIL not in json.dumps(home.upstream.asked("gpt-large"))
    nowhere(home, MAIL, of=(near, answer))


@everywhere
@pytest.mark.parametrize("model", ["at-home", "small"])
def test_no_field_of_a_private_request_is_told_to_a_logger(home: GatewayProcess, path: str, model: str) -> None:
    got = ask(home, path, model, ACCOUNT, **written_everywhere(path, f"{IBAN} of {MAIL}"))
    assert json.dumps(home.upstream.asked("small")).count(IBAN) > 3, got.text
    nowhere(home, of=[got])
    nowhere(home, MAIL)


@everywhere
@both
def test_a_plain_model_gets_it_only_where_it_is_private(home: GatewayProcess, path: str, stream: bool) -> None:
    got = ask(home, path, "small", ACCOUNT, stream=stream)
    assert got.status_code == 200, got.text
    sent = json.dumps(home.upstream.asked("small"))
    assert IBAN in sent
    assert not any(word in sent for word in ("disable_fallbacks", "no-store", "turn_off_message_logging"))
    refused = ask(home, path, "gpt-large", ACCOUNT, stream=stream)
    assert refused.status_code == 400, refused.text
    assert "IBAN_CODE" in refused.text
    assert IBAN not in refused.text
    assert home.upstream.asked("gpt-large") == []
    nowhere(home, of=(got, refused))


def test_a_conversation_that_was_private_stays_so(home: GatewayProcess) -> None:
    first = ask(home, PATHS[2], "small", ACCOUNT).json()
    ask(home, PATHS[2], "at-home", "And yesterday?", previous_response_id=first["id"])
    session = {"x-litellm-session-id": "private-session"}
    assert home.post(PATHS[0], body_of(PATHS[0], "at-home", ACCOUNT), CLIENT_KEY, **session).status_code == 200
    later = home.post(PATHS[0], body_of(PATHS[0], "at-home", "And yesterday?"), CLIENT_KEY, **session)
    assert later.headers["x-thriftgate-reason"] == "private"
    assert home.upstream.asked("large") == []


@everywhere
@pytest.mark.parametrize(("model", "logs"), [("at-home", 2), ("small", 1)])
def test_no_header_of_a_client_has_it_logged(home: GatewayProcess, path: str, model: str, logs: int) -> None:
    before = len(logged(home))
    undone = {"litellm-disable-message-redaction": "true"}
    got = home.post(path, body_of(path, model, ACCOUNT), CLIENT_KEY, **undone)
    assert got.status_code == 200, got.text
    assert IBAN in json.dumps(home.upstream.asked("small"))
    assert eventually(lambda: len(logged(home)) >= before + logs)
    nowhere(home)
