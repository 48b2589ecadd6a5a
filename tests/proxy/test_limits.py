"""Limits through the real proxy: 429 in each dialect, SDKs that retry and succeed, a queue that clients can see."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import SCRAPER_TOKEN, GatewayProcess, limited_config, running
from tests.proxy.scrape import read_series, total
from tests.proxy.upstream import Upstream, drips, fails, says, slow
from tests.proxy.waiting import eventually, settle

pytestmark = [pytest.mark.xdist_group("proxy"), pytest.mark.timeout(300)]

QUESTION = [{"role": "user", "content": "How long does a refund take?"}]
PATIENT = "sk-patient-acme-ada"
PATHS = {
    "/v1/chat/completions": {"messages": QUESTION},
    "/v1/messages": {"messages": QUESTION, "max_tokens": 50},
    "/v1/responses": {"input": "How long does a refund take?"},
}
LIMITS: dict[str, Any] = {
    "rules": [
        {"per": "key", "model": "direct", "requests": {"per_minute": 6, "burst": 2}},
        {"per": "key", "model": "support", "requests": {"per_minute": 6, "burst": 2}},
        {"per": "key", "model": "quick", "requests": {"per_minute": 60, "burst": 2}},
        {"per": "key", "model": "optimistic", "requests": {"per_minute": 60, "burst": 2}},
        {"per": "key", "model": "wordy", "tokens": {"per_minute": 60, "burst": 1500}},
    ],
    "tiers": {"hasty": {"max_wait": 0}, "patient": {}},
    "default_tier": "hasty",
    "queue": {"max_wait": "5s", "most": 20, "most_per_tenant": 5, "comments_after": "300ms"},
    "concurrency": {
        "narrow": {"most": 1, "adaptive": False},
        "cached": {"most": 1, "adaptive": False},
        "adapting": {"most": 8},
    },
}


PLAIN = ("direct", "quick", "wordy", "narrow", "adapting")


@pytest.fixture(scope="module")
def limited_process(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    """A proxy with limits."""
    upstream = Upstream(provider_server)
    with running("limits", limited_config(upstream.base_url, LIMITS, *PLAIN), upstream) as gateway:
        yield gateway


@pytest.fixture
def limited(limited_process: GatewayProcess) -> GatewayProcess:
    """The running proxy, with nothing asked yet, and models that answer."""
    limited_process.upstream.forget()
    for model in ("small", "large", *PLAIN):
        limited_process.upstream.on(model, says("Five days."))
    return limited_process


@pytest.mark.parametrize("model", ["direct", "support"])
@pytest.mark.parametrize("path", list(PATHS))
def test_a_caller_over_its_limit_is_told_in_the_dialect_of_its_endpoint(
    limited: GatewayProcess, path: str, model: str
) -> None:
    key, body = f"sk-k{path[-4:]}{model}-acme-ada", {**PATHS[path], "model": model}
    prefix = "anthropic-ratelimit-requests-" if path == "/v1/messages" else "x-ratelimit-{}-requests"
    remaining = prefix + "remaining" if path == "/v1/messages" else prefix.format("remaining")
    answers = [limited.post(path, body, key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429], answers[-1].text
    assert [answer.headers[remaining] for answer in answers] == ["1", "0", "0"]
    refused = answers[-1]
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    error = refused.json()["error"]
    assert error["type"] == "rate_limit_error"
    assert "requests a minute for your key" in error["message"]
    assert refused.json().get("type") == ("error" if path == "/v1/messages" else None)
    assert len(limited.upstream.asked("small" if model == "support" else model)) == 2


def test_the_openai_sdks_own_retry_then_succeeds(limited: GatewayProcess) -> None:
    with limited.openai("sk-sdk-acme-ada").with_options(max_retries=4) as client:
        for _ in range(3):
            answer = client.chat.completions.create(
                model="quick", messages=[{"role": "user", "content": "How long does a refund take?"}]
            )
            assert answer.choices[0].message.content == "Five days."


def test_the_anthropic_sdks_own_retry_then_succeeds(limited: GatewayProcess) -> None:
    with limited.anthropic("sk-sdka-acme-ada").with_options(max_retries=4) as client:
        for _ in range(3):
            message = client.messages.create(
                model="optimistic",
                max_tokens=50,
                messages=[{"role": "user", "content": "How long does a refund take?"}],
            )
            assert message.content[0].to_dict()["text"] == "Five days."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", list(PATHS))
def test_reserved_tokens_come_back_when_an_answer_used_fewer(limited: GatewayProcess, path: str, stream: bool) -> None:
    """Each request may use a thousand tokens and uses fourteen: reservations alone would end this at the second."""
    most = {"/v1/messages": "max_tokens", "/v1/responses": "max_output_tokens"}.get(path, "max_tokens")
    key = f"sk-tokens{path[-4:]}{stream}-acme-ada"
    for _ in range(8):
        answer = limited.post(path, {**PATHS[path], "model": "wordy", most: 1000, "stream": stream}, key)
        assert answer.status_code == 200, answer.text


def test_a_failed_call_and_a_stream_that_was_left_give_their_tokens_back(limited: GatewayProcess) -> None:
    limited.upstream.on("wordy", fails(500))
    body = {"messages": QUESTION, "model": "wordy", "max_tokens": 1000}
    for _ in range(3):
        assert limited.post("/v1/chat/completions", body, "sk-failing-acme-ada").status_code >= 500
    limited.upstream.on("wordy", drips(limited.upstream, ["word "] * 40, 0.05))
    headers = {"Authorization": "Bearer sk-leaving-acme-ada"}
    for _ in range(3):
        with httpx.stream(
            "POST",
            f"{limited.base_url}/v1/chat/completions",
            json={**body, "stream": True},
            headers=headers,
            timeout=30,
        ) as response:
            assert response.status_code == 200
            next(response.iter_lines())
        assert eventually(lambda: bool(limited.upstream.closed_early))
        limited.upstream.closed_early.clear()


def test_more_tokens_than_a_limit_holds_are_a_mistake_of_the_request(limited: GatewayProcess) -> None:
    body = {"messages": [{"role": "user", "content": "word " * 4000}], "model": "wordy"}
    refused = limited.post("/v1/chat/completions", body, "sk-large-acme-ada")
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "request_too_large"
    assert "retry-after" not in refused.headers


def test_when_every_place_is_taken_the_next_request_waits_and_says_so(limited: GatewayProcess) -> None:
    limited.upstream.on("narrow", slow(0.6, says("Five days.")))
    body = {"messages": QUESTION, "model": "narrow"}
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(limited.post, "/v1/chat/completions", body, PATIENT) for _ in range(3)]
        answers = [one.result() for one in asked]
    assert [answer.status_code for answer in answers] == [200] * 3
    waits = sorted(float(answer.headers.get("x-thriftgate-queue-wait", 0)) for answer in answers)
    assert waits[0] == 0
    assert waits[1] > 0.2
    assert waits[2] > waits[1]
    assert {answer.headers.get("x-thriftgate-queue-position") for answer in answers} == {None, "1", "2"}


@pytest.mark.parametrize(("path", "stream"), list(zip(PATHS, (False, True, True), strict=True)))
def test_a_route_s_place_is_for_its_models_what_the_cache_answers_needs_none(
    limited: GatewayProcess, path: str, stream: bool
) -> None:
    def asked(text: str) -> httpx.Response:
        said: object = text if path == "/v1/responses" else [{"role": "user", "content": text}]
        name = "input" if path == "/v1/responses" else "messages"
        return limited.post(path, {**PATHS[path], name: said, "model": "cached", "stream": stream}, PATIENT)

    kept = f"Where is the branch of {path} ({stream})?"
    assert asked(kept).status_code == 200
    assert eventually(lambda: asked(kept).headers["x-thriftgate-decision"] == "exact_hit")
    n_asked = len(limited.upstream.asked("small"))
    limited.upstream.on("small", slow(1.5, says("Five days.")))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(asked, f"How much is a parcel of {path} to Malta ({stream})?")
        assert eventually(lambda: len(limited.upstream.asked("small")) == n_asked + 1)
        hit = asked(kept)
        assert not first.done()
        second = pool.submit(asked, f"Who repairs the scanner of {path} on Sundays ({stream})?")
        answers = [first.result(), second.result()]
    assert hit.headers["x-thriftgate-decision"] == "exact_hit"
    assert "x-thriftgate-queue-wait" not in hit.headers
    assert [answer.status_code for answer in answers] == [200, 200]
    assert float(answers[1].headers["x-thriftgate-queue-wait"]) > 0.5, "its place came free when the first was answered"
    assert 0 < float(answers[1].headers["x-thriftgate-overhead-ms"]) < 500, "and its wait is none of our time"


def test_a_caller_without_patience_is_refused_at_once_and_told_when_to_come_back(limited: GatewayProcess) -> None:
    limited.upstream.on("narrow", slow(1.5, says("Five days.")))
    body = {"messages": QUESTION, "model": "narrow"}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(limited.post, "/v1/chat/completions", body, PATIENT)
        assert eventually(lambda: len(limited.upstream.asked("narrow")) == 1)
        refused = limited.post("/v1/messages", {**body, "max_tokens": 50}, "sk-hasty-acme-ada")
        assert first.result().status_code == 200
    assert refused.status_code == 503
    assert refused.json()["error"]["type"] == "overloaded_error"
    assert int(refused.headers["retry-after"]) >= 1
    assert float(refused.headers["x-thriftgate-estimated-wait"]) >= 0


def test_a_client_that_leaves_while_it_waits_is_never_asked_for(limited: GatewayProcess) -> None:
    limited.upstream.on("narrow", slow(1.5, says("Five days.")))
    body = {"messages": QUESTION, "model": "narrow"}
    headers = {"Authorization": f"Bearer {PATIENT}"}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(limited.post, "/v1/chat/completions", body, PATIENT)
        assert eventually(lambda: len(limited.upstream.asked("narrow")) == 1)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{limited.base_url}/v1/chat/completions", json=body, headers=headers, timeout=0.4)
        assert first.result().status_code == 200
    settle(1.0)
    assert len(limited.upstream.asked("narrow")) == 1
    assert limited.post("/v1/chat/completions", body, PATIENT).headers.get("x-thriftgate-queue-wait") is None


@pytest.mark.parametrize("path", list(PATHS))
def test_a_stream_that_waits_begins_with_its_place(limited: GatewayProcess, path: str) -> None:
    limited.upstream.on("narrow", slow(1.2, says("Five days.")))
    body = {**PATHS[path], "model": "narrow"}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(limited.post, "/v1/chat/completions", {"messages": QUESTION, "model": "narrow"}, PATIENT)
        assert eventually(lambda: len(limited.upstream.asked("narrow")) == 1)
        waited = limited.post(path, {**body, "stream": True}, PATIENT)
        assert first.result().status_code == 200
    assert waited.status_code == 200
    assert waited.text.startswith(": queued 1, about ")
    assert "Five" in waited.text


def test_the_openai_sdk_reads_a_stream_that_waited(limited: GatewayProcess) -> None:
    limited.upstream.on("narrow", slow(1.2, says("Five days.")))
    with ThreadPoolExecutor(1) as pool, limited.openai(PATIENT) as client:
        first = pool.submit(limited.post, "/v1/chat/completions", {"messages": QUESTION, "model": "narrow"}, PATIENT)
        assert eventually(lambda: len(limited.upstream.asked("narrow")) == 1)
        with client.chat.completions.create(
            model="narrow", messages=[{"role": "user", "content": "How long?"}], stream=True
        ) as chunks:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert first.result().status_code == 200
    assert text == "Five days."


def test_what_limits_did_is_counted(limited: GatewayProcess) -> None:
    for _ in range(4):
        limited.post("/v1/chat/completions", {"messages": QUESTION, "model": "direct"}, "sk-counted-acme-ada")
    labels = {"verdict": "refused", "limit": "requests", "per": "key"}
    assert eventually(
        lambda: total(read_series(limited.base_url, SCRAPER_TOKEN), "thriftgate_limit_verdicts_total", **labels) >= 2
    )


def test_a_provider_that_says_too_many_is_asked_less_at_once_and_more_again_when_it_answers(
    limited: GatewayProcess,
) -> None:
    def places() -> float:
        found = read_series(limited.base_url, SCRAPER_TOKEN)
        return total(found, "thriftgate_limit_places", model="adapting")

    def ask(_: int) -> int:
        body = {"messages": QUESTION, "model": "adapting"}
        return limited.post("/v1/chat/completions", body, PATIENT).status_code

    limited.upstream.on("adapting", fails(429))
    assert {ask(number) for number in range(6)} == {429}
    assert eventually(lambda: 1 <= places() <= 2)
    limited.upstream.on("adapting", slow(0.05, says("Five days.")))
    with ThreadPoolExecutor(4) as clients:
        assert eventually(lambda: set(clients.map(ask, range(4))) == {200})
        assert eventually(lambda: set(clients.map(ask, range(16))) == {200} and places() > 2)


def test_endpoints_without_models_are_left_alone(limited: GatewayProcess) -> None:
    for _ in range(5):
        assert (
            httpx.get(f"{limited.base_url}/v1/models", headers={"Authorization": "Bearer sk-l-a-b"}).status_code == 200
        )
