"""What LiteLLM does for every request, done for a route's: each row of its request life on each way that one may end.

| row | what is asked for |
|---|---|
| key | an unknown key and a used-up budget are refused, be there a kept answer or not |
| before | each hook before the call runs once; a guardrail refuses, and no provider is asked |
| beside | each moderation hook runs once; what it refuses is not answered |
| reservation | what a request may cost is held in its key's budget as long as it lasts |
| slot | the limiter's place is free again after every ending, and taken until then |
| tokens | what was used counts against tokens a minute, once |
| after | the hook after the call once: of success, of failure, or the iterator of a stream |
| answer | a guardrail keeps an answer back, whole and streamed |
| headers | the call's id, and what the limiter counts |
| error | the endpoint's own shape |
| log | the logger of somebody else, the spend and Prometheus hear of the request once, and of its cost once |
| leaving | a client that leaves ends the call upstream |

Each row at each endpoint, whole, streamed, as a hit of the cache, failed and left. What there is not on a route, a
fallback for its name, `check` refuses (`tests/config/bad/fallbacks_wrong.yaml`).
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import CLAUDE, MASTER_KEY, GatewayProcess, gateway_config, running
from tests.proxy.upstream import Upstream, drips, fails, hesitates, says, slow
from tests.proxy.waiting import eventually, settle

pytestmark = [pytest.mark.xdist_group("proxy"), pytest.mark.timeout(300)]

PATHS = ("/v1/chat/completions", "/v1/messages", "/v1/responses")
ENDINGS = ("whole", "streamed", "hit", "streamed hit", "failed", "failed stream", "left")
COST = 10 * 10e-6 + 4 * 20e-6
"""Of `large`, which says four tokens to ten."""


@pytest.fixture(scope="module")
def life_process(provider_server: HTTPServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A proxy with a logger, a guardrail and LiteLLM's own Prometheus."""
    upstream = Upstream(provider_server)
    config = gateway_config(upstream.base_url)
    config["litellm_settings"]["callbacks"] += ["life_spy.spy", "prometheus"]
    config["callback_settings"]["thriftgate"]["routes"]["cached"]["cascade"] = {"tiers": [{"model": "large"}]}
    modes = ["pre_call", "during_call", "post_call"]
    house = {"guardrail": "life_spy.House", "mode": modes, "default_on": True}
    config["general_settings"]["custom_auth_run_common_checks"] = True  # and with them LiteLLM reserves
    config["guardrails"] = [{"guardrail_name": "house", "litellm_params": house}]
    told = tmp_path_factory.mktemp("life") / "life.jsonl"
    with running("life", config, upstream, "life_spy.py", THRIFTGATE_TEST_LIFE=str(told)) as gateway:
        told.touch()
        (gateway.folder / "life.jsonl").symlink_to(told)
        yield gateway


@pytest.fixture
def life(life_process: GatewayProcess) -> GatewayProcess:
    """The running proxy, with nothing asked yet, and models that answer."""
    life_process.upstream.forget()
    life_process.upstream.on("large", says("Five days."))
    for model in ("fragile-small", "fragile-large"):
        life_process.upstream.on(model, fails(500))
    life_process.upstream.on("lost-large", drips(life_process.upstream, ["word "] * 100, pause=0.05))
    return life_process


_TAG = {"x-litellm-tags": "autumn"}


@dataclass(frozen=True)
class Asking:
    """One request that comes to one ending."""

    life: GatewayProcess
    path: str
    ending: str
    key: str
    is_plain: bool = False
    """Not of a route, but of the plain model behind it."""

    @property
    def is_streamed(self) -> bool:
        return "stream" in self.ending or self.ending == "left"

    def go(self, text: str | None = None) -> httpx.Response:
        """Ask; of a hit the answer is there before, from somebody else."""
        question = text or f"How long does refund {uuid.uuid4().hex} take?"
        if "hit" in self.ending:
            asking = lambda: self._post("cached", question, "sk-primer-acme-ada")  # noqa: E731
            assert eventually(lambda: "exact_hit" in asking().headers["x-thriftgate-decision"])
            self.life.upstream.forget()
        model = "cached" if "hit" in self.ending else {"failed": "fragile", "left": "lost"}.get(
            self.ending.removesuffix(" stream"), "plain"
        )  # fmt: skip
        if self.is_plain:
            model = {"plain": "large", "fragile": "fragile-large", "lost": "lost-large"}[model]
        return self._left(model, question) if self.ending == "left" else self._post(model, question, self.key)

    def _post(self, model: str, question: str, key: str) -> httpx.Response:
        return self.life.post(self.path, self.body(model, question), key, **_TAG)

    def _left(self, model: str, question: str) -> httpx.Response:
        """Of a stream, the beginning: the client leaves."""
        url = f"{self.life.base_url}{self.path}"
        headers = self.life.headers(self.key) | _TAG
        with httpx.stream(
            "POST", url, json=self.body(model, question), headers=headers, timeout=60, verify=False
        ) as answer:
            if answer.status_code == 200:
                next(answer.iter_lines())
            else:
                answer.read()
        return answer

    def body(self, model: str, question: str) -> dict[str, Any]:
        said: dict[str, Any] = {"messages": [{"role": "user", "content": question}], "max_tokens": 50}
        if self.path == "/v1/responses":
            said = {"input": question, "max_output_tokens": 50}
        return {"model": model, **said, "stream": self.is_streamed}


Make = Callable[[str], Asking]


def cells(*endings: str) -> list[Any]:
    """Each endpoint with each of these endings."""
    return [pytest.param((path, ending), id=f"{path} {ending}") for path in PATHS for ending in endings]


@pytest.fixture(params=cells(*ENDINGS))
def asked_by(life: GatewayProcess, request: pytest.FixtureRequest) -> Make:
    """A request by a key of its own, whose name says what it may: `asked_by("single")`."""
    path, ending = request.param
    return lambda name: Asking(life, path, ending, f"sk-{name}-acme-{uuid.uuid4().hex}")


def error_of(answer: httpx.Response) -> str:
    """The words of an error in the endpoint's shape, whole or at the end of a stream."""
    body = answer.text
    if answer.status_code == 200:
        body = [line for line in body.splitlines() if line.startswith("data: {")][-1].removeprefix("data: ")
    told = json.loads(body)
    assert set(told["error"]) >= {"message", "type"}
    assert (told.get("type") == "error") == (answer.url.path == "/v1/messages")
    return told["error"]["message"]


def everything_heard(life: GatewayProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (life.folder / "life.jsonl").read_text().splitlines()]


def heard(life: GatewayProcess, call_id: str) -> list[dict[str, Any]]:
    """What the spy was told of a request."""
    return [row for row in everything_heard(life) if row["id"] == call_id]


def events(life: GatewayProcess, call_id: str) -> list[str]:
    return sorted(row["event"] for row in heard(life, call_id) if row.get("provider") in (None, "thriftgate"))


def test_the_tokens_of_a_request_count_once(asked_by: Make) -> None:
    """As those of the plain model: 14, and none of a request that failed; a kept answer uses none of anybody's.

    Before all others: LiteLLM keeps 200 things in memory, and of more it forgets the counters of a minute first.
    """
    asking, other = asked_by("wordy"), asked_by("wordy")
    was_left = asking.ending == "left"
    ending = "none" if was_left or "hit" in asking.ending else asking.ending
    with ThreadPoolExecutor(2) as pool:
        left, plain = pool.map(_tokens_left, (asking, replace(other, ending=ending, is_plain=not was_left)))
    if was_left:
        assert left < plain, [row for row in everything_heard(asking.life) if row.get("hash") == _digest_of(asking.key)]
    else:
        assert left == plain


def _digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _tokens_left(asking: Asking) -> int:
    """How many tokens the limiter leaves a key after this request and another one."""
    if asking.ending != "none":
        asking.go()
        digest = _digest_of(asking.key)

        def is_logged(row: dict[str, Any]) -> bool:
            return row.get("hash") == digest and (asking.is_plain or row["provider"] == "thriftgate")

        assert eventually(lambda: any(is_logged(row) for row in everything_heard(asking.life)))
        settle(1)
    again = asking.life.post(asking.path, asking.body("large", "And now?") | {"stream": False}, asking.key)
    assert again.status_code == 200
    return int(again.headers["x-ratelimit-api_key-remaining-tokens"])


def test_who_may_not_ask_is_refused_though_the_answer_is_kept(asked_by: Make) -> None:
    broke = asked_by("broke").go()
    assert broke.status_code == 422
    assert "Budget has been exceeded" in error_of(broke)
    asking = asked_by("x")
    unknown = Asking(asking.life, asking.path, asking.ending, "sk-nobody").go()
    assert unknown.status_code == 401
    assert error_of(unknown)
    assert [one for model in ("fragile-small", "lost-large") for one in asking.life.upstream.asked(model)] == []


@pytest.mark.parametrize("asked_by", cells("whole", "streamed", "failed", "failed stream"), indirect=True)
def test_what_a_guardrail_refuses_before_or_beside_the_call_is_not_answered(asked_by: Make) -> None:
    asking = asked_by("guarded")
    refused = asking.go(f"Are there plums {uuid.uuid4().hex}?")
    assert refused.status_code == 400
    assert "does not take plums" in error_of(refused)
    assert asking.life.upstream.asked("large") == []
    beside = asking.go(f"Are there figs {uuid.uuid4().hex}?")
    if "failed" in asking.ending:
        assert beside.status_code >= 400  # both fail, and either may be first
    else:
        assert beside.status_code == 400
        assert "does not take figs" in error_of(beside)


@pytest.mark.parametrize("asked_by", cells("whole", "streamed"), indirect=True)
def test_what_a_guardrail_finds_in_an_answer_stays_behind(asked_by: Make) -> None:
    asking = asked_by("guarded")
    asking.life.upstream.on("large", says("We have quinces."))
    if not asking.is_streamed:
        assert "does not take quinces" in error_of(asking.go())
        return
    # Of such an error in a stream LiteLLM says nothing at two of its endpoints: there it breaks the stream off.
    seen = b""
    body = asking.body("plain", "What have you?")
    headers = asking.life.headers(asking.key)
    url = f"{asking.life.base_url}{asking.path}"
    with suppress(httpx.RemoteProtocolError), httpx.stream("POST", url, json=body, headers=headers) as answer:
        for piece in answer.iter_bytes():
            seen += piece
    assert b"quinces" not in seen.replace(b"does not take quinces", b"")


def test_each_hook_runs_once(asked_by: Make) -> None:
    asking = asked_by("hooked")
    call_id = asking.go().headers["x-litellm-call-id"]
    expected = {
        "whole": ["moderation", "post_call", "pre_call", "success"],
        "hit": ["moderation", "post_call", "pre_call", "success"],
        "streamed": ["moderation", "pre_call", "stream", "success"],
        "streamed hit": ["moderation", "pre_call", "stream", "success"],
        "failed": ["failure", "moderation", "post_call_failure", "pre_call"],
        "failed stream": ["failure", "moderation", "post_call_failure", "pre_call"],
        "left": ["moderation", "pre_call", "stream", "success"],
    }[asking.ending]
    assert eventually(lambda: len(events(asking.life, call_id)) >= len(expected)), events(asking.life, call_id)
    settle(0.3)
    assert events(asking.life, call_id) == expected


def test_the_place_of_the_limiter_is_free_again_after_every_ending(asked_by: Make) -> None:
    asking = asked_by("single")
    first = asking.go()
    again = asking.body("plain", "And now?") | {"stream": False}
    assert eventually(lambda: asking.life.post(asking.path, again, asking.key).status_code == 200), first.text


def _held(life: GatewayProcess, answer: httpx.Response) -> float:
    """What LiteLLM held for this request in its key's budget, in dollars."""
    (row,) = (one for one in heard(life, answer.headers["x-litellm-call-id"]) if one["event"] == "pre_call")
    return row["held"]["reserved_cost"] if row["held"] else 0.0


def test_what_a_request_may_cost_is_free_again_after_every_ending(asked_by: Make) -> None:
    """LiteLLM holds what there is left, if that is less than a request may cost: here a tenth of it."""
    asking = asked_by("reserved")
    held = _held(asking.life, asking.go())
    again = asking.body("plain", "And now?") | {"stream": False}
    assert eventually(lambda: _held(asking.life, asking.life.post(asking.path, again, asking.key)) > 0.0010)
    assert held > 0.0010


def _two_at_once(life: GatewayProcess, path: str, way: str, key: str) -> tuple[Asking, httpx.Response, httpx.Response]:
    life.upstream.on("large", slow(1.5, says("Five days.")))
    asking = Asking(life, path, way, f"sk-{key}-acme-{uuid.uuid4().hex}")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(asking.go)
        assert eventually(lambda: len(life.upstream.asked("large")) == 1)
        second = asking.go()
        return asking, first.result(), second


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", ["whole", "streamed"])
def test_what_a_request_may_cost_is_held_as_long_as_it_lasts(life: GatewayProcess, path: str, way: str) -> None:
    asking, first, second = _two_at_once(life, path, way, "reserved")
    assert _held(life, second) == pytest.approx(0.0015 - _held(life, first))
    life.upstream.on("large", says("Five days."))
    plain, routed = (
        replace(asking, key=f"sk-reserved-acme-{uuid.uuid4().hex}", is_plain=is_plain) for is_plain in (True, False)
    )
    assert _held(life, plain.go("How long?")) == pytest.approx(_held(life, routed.go("How long?")))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", ["whole", "streamed"])
def test_the_place_is_taken_as_long_as_the_request_lasts(life: GatewayProcess, path: str, way: str) -> None:
    _, first, second = _two_at_once(life, path, way, "single")
    assert second.status_code == 429
    assert error_of(second)
    assert first.status_code == 200


def test_the_headers_say_which_call_it_was_and_what_is_left(asked_by: Make) -> None:
    answer = asked_by("limited").go()
    assert answer.headers["x-litellm-call-id"]
    assert answer.headers["x-thriftgate-request-id"] == answer.headers["x-litellm-call-id"]
    # Of a stream LiteLLM tells nobody: its limiter writes them when the whole answer is there.
    if answer.status_code == 200 and "text/event-stream" not in answer.headers["content-type"]:
        assert answer.headers["x-ratelimit-api_key-limit-requests"] == "1"
        assert answer.headers["x-ratelimit-api_key-remaining-requests"] == "0"


def test_a_request_is_logged_once_and_charged_once(asked_by: Make) -> None:
    asking = asked_by("logged")
    asking.go()

    def rows() -> list[dict[str, Any]]:
        return [row for row in everything_heard(asking.life) if row.get("hash") == _digest_of(asking.key)]

    assert eventually(lambda: any(row["provider"] == "thriftgate" for row in rows()))
    settle(0.5)
    (whole,) = (row for row in rows() if row["provider"] == "thriftgate")
    assert whole["event"] == ("failure" if "failed" in asking.ending else "success")
    assert {row["alias"] for row in rows()} == {"logged"}
    assert {"autumn" in row["tags"] for row in rows()} == {True}  # by which LiteLLM charges the budget of a tag
    cost = sum(row["cost"] for row in rows())
    if asking.ending == "left":
        assert cost > 0
    else:
        assert cost == pytest.approx(COST if asking.ending in ("whole", "streamed") else 0)


def test_litellms_own_prometheus_counts_every_ending_by_its_key(life: GatewayProcess) -> None:
    """All of them at once: to write its metrics down takes LiteLLM longer than a request."""
    asking = [Asking(life, path, ending, f"sk-logged-acme-{uuid.uuid4().hex}") for path in PATHS for ending in ENDINGS]
    with ThreadPoolExecutor(len(ENDINGS)) as pool:
        list(pool.map(Asking.go, asking))

    def uncounted() -> list[Asking]:
        told = httpx.get(f"{life.base_url}/metrics/", headers=life.headers(MASTER_KEY), timeout=60, verify=False).text
        counted = [line for line in told.splitlines() if line.startswith("litellm_proxy_total_requests_metric_total{")]
        return [one for one in asking if not any(_digest_of(one.key) in line for line in counted)]

    assert eventually(lambda: not uncounted(), 30), uncounted()


@pytest.mark.parametrize("asked_by", cells("failed", "failed stream"), indirect=True)
def test_an_error_has_the_shape_of_its_endpoint(asked_by: Make) -> None:
    answer = asked_by("plain").go()
    assert answer.status_code == 502
    assert "every tier of route 'fragile' failed" in error_of(answer)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_client_that_leaves_ends_the_call_upstream(life: GatewayProcess, path: str, stream: bool) -> None:
    asking = Asking(life, path, "left" if stream else "whole", f"sk-leaving-acme-{uuid.uuid4().hex}")
    if stream:
        asking.go()
    else:
        life.upstream.on("lost-large", hesitates(life.upstream))
        body, headers = asking.body("lost", "How long?"), life.headers(asking.key)
        with pytest.raises(httpx.TimeoutException):
            httpx.post(f"{life.base_url}{path}", json=body, headers=headers, timeout=2)
    assert eventually(lambda: life.upstream.closed_early == ["lost-large"])


def test_a_client_that_leaves_ends_a_call_that_speaks_its_own_dialect(life: GatewayProcess) -> None:
    """Of Anthropic's messages; at the other two endpoints the calls before were of that kind."""
    life.upstream.on(CLAUDE, drips(life.upstream, ["word "] * 100, pause=0.05))
    asking = Asking(life, "/v1/messages", "left", f"sk-single-acme-{uuid.uuid4().hex}")
    call_id = asking._left("claude", "How long?").headers["x-litellm-call-id"]  # pyright: ignore[reportPrivateUsage]
    assert eventually(lambda: life.upstream.closed_early == [CLAUDE])
    expected = ["moderation", "pre_call", "stream", "success"]
    assert eventually(lambda: events(life, call_id) == expected), events(life, call_id)
    digest = _digest_of(asking.key)

    def cost() -> float:
        return sum(row["cost"] for row in everything_heard(life) if row.get("hash") == digest)

    assert eventually(lambda: cost() > 0)
    again = asking.body("plain", "And now?") | {"stream": False}
    assert eventually(lambda: life.post(asking.path, again, asking.key).status_code == 200)
