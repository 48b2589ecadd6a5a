"""`thriftgate demo` against a gateway that is played by an HTTP server with the demo's engine behind it."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from thriftgate.cli.gateway.demo import command
from thriftgate.demo.knowledge import load_knowledge
from thriftgate.demo.models.engine import MODELS, Engine
from thriftgate.demo.provider.rendering import body, completion_of
from thriftgate.demo.provider.stream import DONE, events
from thriftgate.demo.request import parse_call
from thriftgate.demo.workload import make_workload

KEY = "sk-fake-gateway"
REQUESTS = 24
SUPPORT_COST, LARGE_COST, SAVED = 0.001, 0.004, 0.003
KNOWLEDGE = load_knowledge()


class FakeGateway:
    """Answers 'support' with the weak model and 'large' with the strong one; remembers every request."""

    def __init__(self) -> None:
        self.engine = Engine(KNOWLEDGE)
        self.requests: list[dict[str, Any]] = []
        self.runs: list[str | None] = []
        """What each request said of the run it belongs to."""
        self.failing: Callable[[dict[str, Any]], bool] = lambda _: False
        self.large_headers: Mapping[str, str] = {"x-litellm-response-cost": str(LARGE_COST)}
        self.extra: Mapping[str, Any] = {}

    def models(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return Response('{"error": {"message": "no"}}', 401)
        return Response(json.dumps({"data": [{"id": "support"}, {"id": "large"}]}))

    def model_info(self, _request: Request) -> Response:
        info = {"input_cost_per_token": 5e-6, "output_cost_per_token": 25e-6}
        return Response(json.dumps({"data": [{"model_name": "large", "model_info": info}]}))

    def complete(self, request: Request) -> Response:
        asked = json.loads(request.get_data())
        self.requests.append(asked)
        self.runs.append(request.headers.get("openai-beta"))
        if self.failing(asked):
            return Response(
                '{"error": {"message": "down", "type": "upstream_error"}}', 502, {"x-should-retry": "false"}
            )
        is_support = asked["model"] == "support"
        call = parse_call({**asked, "model": "demo-small" if is_support else "demo-large"}, MODELS)
        completion = completion_of(call, self.engine.reply(call), completion_id="chatcmpl-1", created=1)
        if not is_support:
            return Response(json.dumps(body(completion)), headers=self.large_headers, mimetype="application/json")
        told = {"decision": "accepted", "tier": "small", "confidence": 0.9, "request_id": "r-1", **self.extra}
        late = {"cost": f"{SUPPORT_COST:.8f}", "saved": SAVED}
        if not call.stream:
            headers = {f"x-thriftgate-{name.replace('_', '-')}": str(value) for name, value in (told | late).items()}
            return Response(json.dumps(body(completion)), headers=headers, mimetype="application/json")
        chunks = [event for event, _ in events(completion, with_usage=True)]
        last = json.loads(chunks[-2].removeprefix(b"data: ")) | {"thriftgate": told | late}
        stream = b"".join([*chunks[:-2], b"data: " + json.dumps(last).encode() + b"\n\n", DONE])
        return Response(stream, headers={"x-thriftgate-request-id": "r-1"}, mimetype="text/event-stream")

    def asked(self, model: str) -> list[dict[str, Any]]:
        return [request for request in self.requests if request["model"] == model]


@pytest.fixture
def gateway(httpserver: HTTPServer) -> FakeGateway:
    fake = FakeGateway()
    httpserver.expect_request("/v1/models").respond_with_handler(fake.models)
    httpserver.expect_request("/model/info").respond_with_handler(fake.model_info)
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(fake.complete)
    return fake


@pytest.fixture
def demo(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THRIFTGATE_MASTER_KEY", raising=False)
    monkeypatch.delenv("LITELLM_MASTER_KEY", raising=False)

    def run(*arguments: str) -> Result:
        base_url = httpserver.url_for("").rstrip("/")
        return CliRunner().invoke(
            command, ["--base-url", base_url, "--requests", str(REQUESTS), "--seed", "3", "--days", "1", *arguments]
        )

    return run


def bill_of(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_bill_counts_what_the_gateway_answered(gateway: FakeGateway, demo: Callable[..., Result]):
    bill = bill_of(demo("--json", "--api-key", KEY))
    cases = make_workload(KNOWLEDGE, seed=3, requests=REQUESTS)
    assert bill["requests"] == REQUESTS
    assert bill["failures"] == {}
    assert bill["decisions"] == {"accepted": REQUESTS}
    assert bill["kinds"] == Counter(case.kind.value for case in cases)
    assert bill["repeats"] == sum(case.is_repeat for case in cases)
    assert bill["streamed"] == 7 == sum(bool(request.get("stream")) for request in gateway.asked("support"))
    assert bill["cost_usd"] == pytest.approx(REQUESTS * SUPPORT_COST)
    assert bill["told_saved_usd"] == pytest.approx(REQUESTS * SAVED)
    assert bill["latency"]["n"] == REQUESTS
    assert 0 < bill["latency"]["p50"] <= bill["latency"]["p95"]


def test_the_comparison_is_measured_with_the_same_requests_and_the_same_judge(
    gateway: FakeGateway, demo: Callable[..., Result]
):
    bill = bill_of(demo("--json", "--api-key", KEY))
    comparison = bill["comparison"]
    assert comparison["n"] == REQUESTS
    assert comparison["baseline_cost_usd"] == pytest.approx(REQUESTS * LARGE_COST)
    assert comparison["saved_share"]["estimate"] == pytest.approx(1 - SUPPORT_COST / LARGE_COST)
    # The strong model behind 'large' is right, the weak one behind 'support' is not always.
    assert comparison["baseline_quality"]["right"] == REQUESTS
    assert 8 < comparison["quality"]["right"] < REQUESTS
    assert comparison["quality"] == bill["quality"]
    support = [request["messages"] for request in gateway.asked("support")]
    large = [request["messages"] for request in gateway.asked("large")]
    assert sorted(map(json.dumps, support)) == sorted(map(json.dumps, large))


def test_each_run_has_a_cache_of_its_own_unless_it_is_to_share_one(
    gateway: FakeGateway, demo: Callable[..., Result]
) -> None:
    for options in ((), (), ("--share-cache",)):
        demo("--api-key", KEY, "--baseline-share", "0", *options)
    runs = [gateway.runs[start : start + REQUESTS] for start in range(0, 3 * REQUESTS, REQUESTS)]
    assert [len(set(run)) for run in runs] == [1, 1, 1]
    assert len({run[0] for run in runs[:2]}) == 2
    assert runs[2][0] is None


def test_a_run_has_several_days_and_says_what_a_single_one_lost(
    gateway: FakeGateway, demo: Callable[..., Result]
) -> None:
    bill = bill_of(demo("--json", "--api-key", KEY, "--days", "3"))
    assert [day["day"] for day in bill["days"]] == [1, 2, 3]
    assert sum(day["n"] for day in bill["days"]) == REQUESTS
    assert sum(day["right"] for day in bill["days"]) == bill["quality"]["right"]
    said = demo("--api-key", KEY, "--days", "3").stdout
    assert "day by day" in said
    assert "The worst day lost" in said


def test_a_share_of_the_requests_may_be_compared(gateway: FakeGateway, demo: Callable[..., Result]):
    bill = bill_of(demo("--json", "--api-key", KEY, "--baseline-share", "0.25"))
    assert bill["comparison"]["n"] == 6 == len(gateway.asked("large"))


def test_without_a_comparison_the_bill_claims_nothing(gateway: FakeGateway, demo: Callable[..., Result]):
    result = demo("--api-key", KEY, "--baseline-share", "0")
    assert result.exit_code == 0
    assert "THE BILL" in result.stdout
    assert "without thriftgate" not in result.stdout
    assert gateway.asked("large") == []


def test_tokens_are_priced_where_the_gateway_names_no_cost(gateway: FakeGateway, demo: Callable[..., Result]):
    gateway.large_headers = {}
    bill = bill_of(demo("--json", "--api-key", KEY))
    cases = make_workload(KNOWLEDGE, seed=3, requests=REQUESTS)
    expected = 0.0
    for case in cases:
        call = parse_call({"model": "demo-large", "messages": list(case.messages), "tools": list(case.tools)}, MODELS)
        usage = body(completion_of(call, gateway.engine.reply(call), completion_id="", created=0))["usage"]
        expected += usage["prompt_tokens"] * 5e-6 + usage["completion_tokens"] * 25e-6
    assert bill["comparison"]["baseline_cost_usd"] == pytest.approx(expected)


def test_wrong_answers_to_traps_from_the_cache_are_false_hits(gateway: FakeGateway, demo: Callable[..., Result]):
    gateway.extra = {"decision": "semantic_hit", "similarity": 0.97}
    bill = bill_of(demo("--json", "--api-key", KEY, "--baseline-share", "0"))
    assert bill["traps"] == bill["trap_hits"] == bill["kinds"]["trap"]
    cases = [case for case in make_workload(KNOWLEDGE, seed=3, requests=REQUESTS) if case.kind.value == "trap"]
    assert 0 < bill["false_hits"] <= len(cases)


def test_coalesced_requests_are_counted(gateway: FakeGateway, demo: Callable[..., Result]):
    assert bill_of(demo("--json", "--api-key", KEY, "--baseline-share", "0"))["coalesced"] == 0
    gateway.extra = {"coalesced": True}
    assert bill_of(demo("--json", "--api-key", KEY, "--baseline-share", "0"))["coalesced"] == REQUESTS


def test_the_bill_can_be_read_by_a_person(gateway: FakeGateway, demo: Callable[..., Result]):
    result = demo("--api-key", KEY)
    assert result.exit_code == 0
    for words in ("THE BILL", "accepted", "24 (100%)", "$0.0240", "$0.0960", "saved", "75.0% [75.0%, 75.0%]", "traps"):
        assert words in result.stdout, words


def test_users_and_teams_travel_with_the_requests(gateway: FakeGateway, demo: Callable[..., Result]):
    demo("--api-key", KEY, "--baseline-share", "0")
    assert {request["user"] for request in gateway.requests} == {
        case.user for case in make_workload(KNOWLEDGE, seed=3, requests=REQUESTS)
    }
    assert all(request["metadata"]["tags"][0].startswith("team:") for request in gateway.requests)


def test_the_strong_model_alone_is_sent_the_prompt_that_the_route_would_add(
    gateway: FakeGateway, demo: Callable[..., Result], tmp_path: Path
):
    folder = tmp_path / "prompts" / "support"
    folder.mkdir(parents=True)
    (folder / "prompt.yaml").write_text("description: A test.\nlabels: {production: control}\n", encoding="utf-8")
    (folder / "control.md").write_text(
        "---\ndescription: One.\n---\n[[system]]\nYou work at a desk.\n", encoding="utf-8"
    )
    assert demo("--api-key", KEY).exit_code == 0
    first = {request["messages"][0]["role"] for request in gateway.asked("large")}
    assert first == {"system"}
    assert gateway.asked("large")[0]["messages"][0]["content"].strip() == "You work at a desk."
    assert all(request["messages"][0]["role"] == "user" for request in gateway.asked("support"))


@pytest.mark.parametrize("source", ["THRIFTGATE_MASTER_KEY", "LITELLM_MASTER_KEY", "file"])
def test_the_key_is_found_where_the_gateway_left_it(
    gateway: FakeGateway,
    demo: Callable[..., Result],
    source: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    if source == "file":
        (tmp_path / ".thriftgate").mkdir()
        (tmp_path / ".thriftgate" / "master_key").write_text(f"{KEY}\n", encoding="utf-8")
    else:
        monkeypatch.setenv(source, KEY)
    assert demo("--baseline-share", "0").exit_code == 0
    assert len(gateway.requests) == REQUESTS


def fails(result: Result, words: str) -> bool:
    return result.exit_code != 0 and words in str(result.exception)


def test_a_wrong_key_is_said_before_anything_is_asked(gateway: FakeGateway, demo: Callable[..., Result]):
    assert fails(demo("--api-key", "sk-wrong"), "refuses the key")
    assert gateway.requests == []


def test_a_missing_model_is_said_with_those_that_are_there(gateway: FakeGateway, demo: Callable[..., Result]):
    assert fails(demo("--api-key", KEY, "--model", "sales"), "no model 'sales'; it has large, support")
    assert gateway.requests == []


def test_a_missing_gateway_is_said_with_what_to_do(demo: Callable[..., Result]):
    assert fails(demo("--base-url", "http://127.0.0.1:9", "--api-key", KEY), "thriftgate up")


def test_something_that_is_no_gateway_is_said(httpserver: HTTPServer, demo: Callable[..., Result]):
    httpserver.expect_request("/v1/models").respond_with_data("<html>hello</html>", content_type="text/html")
    assert fails(demo("--api-key", KEY), "which no gateway would")


def test_many_failures_end_with_exit_code_one_and_their_reasons(gateway: FakeGateway, demo: Callable[..., Result]):
    gateway.failing = lambda asked: asked["model"] == "support" and bool(asked.get("stream"))
    result = demo("--json", "--api-key", KEY)
    assert result.exit_code == 1
    bill = json.loads(result.stdout)
    assert bill["failures"] == {"InternalServerError 502": 7}
    assert bill["comparison"]["n"] == REQUESTS - 7
    assert "7 failed: 7 InternalServerError 502" in demo("--api-key", KEY).stdout


def test_a_few_failures_are_shown_but_forgiven(gateway: FakeGateway, demo: Callable[..., Result]):
    gateway.failing = lambda asked: asked["model"] == "support" and "tools" in asked
    bill = bill_of(demo("--json", "--api-key", KEY))
    assert sum(bill["failures"].values()) == bill["kinds"]["tool_call"] + bill["kinds"]["tool_result"] <= 3
