"""Under load a route gives up one thing after another, says so everywhere, and takes it all back by itself."""

import itertools
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import MASTER_KEY, SCRAPER_TOKEN, GatewayProcess, gateway_config, running
from tests.proxy.langfuse_intake import LangfuseIntakeServer
from tests.proxy.scrape import read_series, total
from tests.proxy.test_limits import PATIENT
from tests.proxy.upstream import Upstream, says, slow
from tests.proxy.waiting import eventually

pytestmark = [pytest.mark.xdist_group("proxy-ladder"), pytest.mark.timeout(300)]

STEPS = ["relaxed_cache", "cheap_only", "shorter", "shed", "hits_only"]
"""In this order here: once only hits are answered the load is gone, and no further step comes."""
BATCH = "sk-batch-acme-bob"
KNOWN = "How long does a refund take?"
LIMITS = {
    "concurrency": {"cached": {"most": 1, "adaptive": False}},
    "queue": {"max_wait": "2s", "most": 50, "most_per_tenant": 50},
    "tiers": {"usual": {}, "patient": {"max_wait": "30s"}, "batch": {"sheddable": True}},
    "default_tier": "usual",
    "ladder": {
        "steps": STEPS,
        "climb_at": 0.3,
        "descend_at": 0.1,
        "climb_after": "2s",
        "descend_after": "3s",
        "max_answer_tokens": 20,
    },
}


@pytest.fixture(scope="module")
def langfuse(provider_server: HTTPServer) -> LangfuseIntakeServer:
    return LangfuseIntakeServer()


@pytest.fixture(scope="module")
def laddered(provider_server: HTTPServer, langfuse: LangfuseIntakeServer) -> Iterator[GatewayProcess]:
    upstream = Upstream(provider_server)
    config = gateway_config(upstream.base_url)
    section = config["callback_settings"]["thriftgate"]
    section["limits"] = LIMITS
    section["tracing"] = {"langfuse": {"flush_interval": "200ms"}}
    with running("ladder", config, upstream, **langfuse.serve(provider_server)) as gateway:
        yield gateway


def ask(gateway: GatewayProcess, question: str, key: str = PATIENT, **more: object) -> httpx.Response:
    body = {"model": "cached", "messages": [{"role": "user", "content": question}], "max_tokens": 500, **more}
    return gateway.post("/v1/chat/completions", body, key)


def steps_in_force(gateway: GatewayProcess) -> int:
    return int(total(read_series(gateway.base_url, SCRAPER_TOKEN), "thriftgate_limit_ladder", model="cached"))


def told(answer: httpx.Response) -> list[str]:
    return [step for step in answer.headers.get("x-thriftgate-load-steps", "").split(",") if step]


@contextmanager
def crowd(gateway: GatewayProcess, answers: list[httpx.Response]) -> Generator[None]:
    """Five tenants, two at a time each, who ask something new as soon as they have an answer."""
    over, numbers = threading.Event(), itertools.count()

    def go_on(name: int) -> None:
        while not over.is_set():
            answers.append(ask(gateway, f"What about number {next(numbers)}?", f"sk-app{name}-team{name}-user{name}"))
            over.wait(0.05)

    threads = [threading.Thread(target=go_on, args=(name % 5,)) for name in range(10)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_each_step_gives_up_what_it_says_and_is_seen_everywhere_and_ends_by_itself(
    laddered: GatewayProcess, langfuse: LangfuseIntakeServer
) -> None:
    upstream = laddered.upstream
    upstream.on("small", says("Five days."))
    upstream.on("large", says("Five working days."))
    assert eventually(lambda: ask(laddered, KNOWN).headers.get("x-thriftgate-decision") == "exact_hit")
    upstream.on("small", slow(0.2, says("It depends.", logprob=-3.0)))
    upstream.on("large", slow(0.2, says("It depends on where you are.")))
    calm = ask(laddered, "And abroad, how long?")
    assert (told(calm), calm.headers["x-thriftgate-decision"]) == ([], "escalated")

    answers: list[httpx.Response] = []

    def seen(status: int, step: str, before: str = "") -> httpx.Response | None:
        """An answer of that status on a step, and not yet on the other."""
        fitting = (one for one in list(answers) if one.status_code == status and step in told(one))
        return next((one for one in fitting if not before or before not in told(one)), None)

    def until(status: int, step: str, before: str = "") -> httpx.Response:
        assert eventually(lambda: seen(status, step, before) is not None, 60), laddered.log[-3000:]
        found = seen(status, step, before)
        assert found is not None
        return found

    def asked_on(step: str, key: str) -> httpx.Response:
        """What the known question is answered on a step."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answers.append(answer := ask(laddered, KNOWN, key))
            if step in told(answer):
                return answer
        pytest.fail(f"{step} was never in force: {laddered.log[-3000:]}")

    with crowd(laddered, answers):
        cheap = until(200, "cheap_only", before="hits_only").headers
        assert (cheap["x-thriftgate-tier"], cheap["x-thriftgate-reason"]) == ("small", "under_load")
        until(200, "shorter", before="hits_only")
        assert 20 in [one["max_tokens"] for one in upstream.asked("small")]
        assert eventually(lambda: "shed" in [step for one in list(answers) for step in told(one)], 60)
        assert eventually(lambda: "this tier is not served" in ask(laddered, KNOWN, BATCH).text, 30)
        refused = until(503, "hits_only")
        assert int(refused.headers["retry-after"]) >= 1
        assert "cache" in refused.json()["error"]["message"]
        hit = asked_on("hits_only", PATIENT)
        assert (hit.status_code, hit.headers["x-thriftgate-decision"]) == (200, "exact_hit")
        assert steps_in_force(laddered) >= 1
        page = httpx.get(
            f"{laddered.base_url}/thriftgate", headers={"Authorization": f"Bearer {MASTER_KEY}"}, timeout=30
        )
        assert "relaxed_cache" in page.text
    for answer in answers:
        assert set(told(answer)) == set(STEPS[: len(told(answer))])
        assert answer.status_code in (200, 503)

    assert eventually(lambda: steps_in_force(laddered) == 0, 60)
    after = ask(laddered, "And by ship, how long?")
    assert (told(after), after.headers["x-thriftgate-decision"]) == ([], "escalated")
    shown = cheap["x-thriftgate-request-id"]
    assert eventually(lambda: any(root.about("request_id") == shown for root in langfuse.roots()), 20)
    root = next(root for root in langfuse.roots() if root.about("request_id") == shown)
    assert root.about("load_steps")
    moves = [line for line in laddered.log.splitlines() if "gives up" in line and "cached" in line]
    assert len(moves) >= 2 * 4, "each step up and each step down is a line"
