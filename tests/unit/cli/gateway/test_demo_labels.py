"""`thriftgate demo --labels`: what every tier answers to every distinct question, in the calibration's own format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from thriftgate.cascade.calibration.label_file import read_labels
from thriftgate.cli.gateway.demo import command
from thriftgate.demo.knowledge import load_knowledge
from thriftgate.demo.models.engine import MODELS, Engine
from thriftgate.demo.provider.rendering import body, completion_of
from thriftgate.demo.request import parse_call
from thriftgate.demo.workload import make_workload

KEY = "sk-fake-gateway"
REQUESTS = 60
KNOWLEDGE = load_knowledge()
INFO = [
    {
        "model_name": f"{tier}",
        "litellm_params": {"model": f"openai/demo-{tier}"},
        "model_info": {"input_cost_per_token": price, "output_cost_per_token": 5 * price},
    }
    for tier, price in (("small", 1e-6), ("large", 5e-6))
]


class FakeGateway:
    """Offers the demo's two models as model groups; remembers every request."""

    def __init__(self, httpserver: HTTPServer) -> None:
        self.engine = Engine(KNOWLEDGE)
        self.requests: list[dict[str, Any]] = []
        self.failing: Callable[[dict[str, Any]], bool] = lambda _: False
        httpserver.expect_request("/v1/models").respond_with_json({"data": [{"id": "small"}, {"id": "large"}]})
        httpserver.expect_request("/model/info").respond_with_json({"data": INFO})
        httpserver.expect_request("/v1/chat/completions").respond_with_handler(self.complete)

    def complete(self, request: Request) -> Response:
        asked = json.loads(request.get_data())
        self.requests.append(asked)
        if self.failing(asked):
            return Response('{"error": {"message": "secret"}}', 502, {"x-should-retry": "false"})
        call = parse_call({**asked, "model": f"demo-{asked['model']}"}, MODELS)
        completion = completion_of(call, self.engine.reply(call), completion_id="chatcmpl-1", created=1)
        return Response(json.dumps(body(completion)), mimetype="application/json")


@pytest.fixture
def gateway(httpserver: HTTPServer) -> FakeGateway:
    return FakeGateway(httpserver)


@pytest.fixture
def label(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        fixed = ["--base-url", httpserver.url_for("").rstrip("/"), "--api-key", KEY, "--requests", str(REQUESTS)]
        return CliRunner().invoke(command, [*fixed, "--labels", "labels.jsonl", *arguments])

    return run


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_distinct_question_without_tools_is_labelled_once(
    gateway: FakeGateway, label: Callable[..., Result], tmp_path: Path
) -> None:
    result = label()
    assert result.exit_code == 0, result.output
    cases = make_workload(KNOWLEDGE, seed=0, requests=REQUESTS)
    wanted = {json.dumps(case.messages) for case in cases if not case.tools}
    found = [json.dumps(row["messages"]) for row in rows_of(tmp_path)]
    assert set(found) == wanted
    assert len(found) == len(wanted) < REQUESTS
    assert f"{len(wanted)} labels" in result.output


def test_the_calibration_reads_the_lines_with_the_signals_that_serve(
    gateway: FakeGateway, label: Callable[..., Result], tmp_path: Path
) -> None:
    label()
    lines = (tmp_path / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    found = read_labels(lines, tiers=("small", "large"))
    assert found.problems == []
    assert len(found.labels) == len(lines)
    assert all({"logprob_mean", "margin_min"} <= one.features[0].keys() for one in found.labels)
    strong = [one.quality[-1] for one in found.labels]
    weak = [one.quality[0] for one in found.labels]
    assert sum(weak) < sum(strong) == len(strong)


def test_lines_say_what_the_answers_were_made_with_and_cost(
    gateway: FakeGateway, label: Callable[..., Result], tmp_path: Path
) -> None:
    label()
    row = rows_of(tmp_path)[0]
    assert row["deployments"] == {"small": ["openai/demo-small"], "large": ["openai/demo-large"]}
    assert row["prompt_version"] == ""
    assert 0 < row["cost_usd"]["small"] < row["cost_usd"]["large"]


def test_a_question_that_a_tier_fails_to_answer_is_no_label_and_is_counted(
    gateway: FakeGateway, label: Callable[..., Result], tmp_path: Path
) -> None:
    failing = {json.dumps(case.messages[-1:]) for case in make_workload(KNOWLEDGE, seed=0, requests=REQUESTS)[:3]}
    gateway.failing = lambda asked: asked["model"] == "large" and json.dumps(asked["messages"][-1:]) in failing
    result = label()
    assert result.exit_code == 1
    assert "failed: " in result.output
    assert "InternalServerError 502" in result.output
    assert "secret" not in result.output
    assert len(rows_of(tmp_path)) > REQUESTS // 3


def test_a_missing_tier_is_said_before_anything_is_asked(gateway: FakeGateway, label: Callable[..., Result]) -> None:
    result = label("--tiers", "small,huge")
    assert "no model 'huge'; it has large, small" in str(result.exception)
    assert gateway.requests == []
