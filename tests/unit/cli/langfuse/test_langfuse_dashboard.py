"""`thriftgate langfuse dashboard` against a played API for dashboards: made once, found again, and words otherwise."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from thriftgate.cli.langfuse import command
from thriftgate.stores.langfuse.dashboards import DASHBOARDS, WIDGETS
from thriftgate.tracing import dashboard


@dataclass
class Dashboards:
    """Langfuse's dashboards and widgets, one a page, as its unstable API has them."""

    things: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: dict[str, dict[str, dict[str, Any]]]({WIDGETS: {}, DASHBOARDS: {}})
    )
    log: list[str] = field(default_factory=list[str])
    refused: tuple[str, int] | None = None
    """A request to refuse, such as `POST` and a path, with which status."""

    def __call__(self, request: Request) -> Response:
        self.log.append(f"{request.method} {request.path}")
        if self.refused and f"{request.method} {request.path}" == self.refused[0]:
            body = {"message": "no", "code": "invalid_body", "details": {"field": "filters"}}
            return Response(json.dumps(body), self.refused[1], content_type="application/json")
        path = WIDGETS if request.path.startswith(WIDGETS) else DASHBOARDS
        kept = self.things[path]
        if request.method == "GET":
            page, found = int(request.args["page"]), list(kept.values())
            answer: Any = {"data": found[page - 1 : page], "meta": {"page": page, "totalPages": max(len(found), 1)}}
        elif request.method == "POST":
            made = f"id-{len(kept)}"
            answer = kept[made] = {**request.get_json(), "id": made}
        else:
            place = request.path.removeprefix(f"{path}/")
            answer = kept[place] = {**kept[place], **request.get_json()}
        return Response(json.dumps(answer), content_type="application/json")

    @property
    def made(self) -> list[str]:
        return [line for line in self.log if line.startswith(("POST", "PATCH"))]


@pytest.fixture
def langfuse(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Dashboards:
    monkeypatch.setenv("LANGFUSE_HOST", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-1")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-hunter2")
    played = Dashboards()
    httpserver.expect_request("/api/public/projects").respond_with_json({"data": [{"id": "p-1", "name": "desk"}]})
    httpserver.expect_request(re.compile("/api/public/unstable/.*")).respond_with_handler(played)
    return played


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["dashboard", *arguments])


def test_it_is_made_with_every_chart_and_its_address_is_said(langfuse: Dashboards) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert f"made 'Cost and savings' with {len(dashboard.WIDGETS)} charts" in result.output
    assert "/project/p-1/dashboards/id-0" in result.output
    (made,) = langfuse.things[DASHBOARDS].values()
    tiles = made["definition"]["widgets"]
    assert [langfuse.things[WIDGETS][tile["widgetId"]]["name"] for tile in tiles] == [
        f"thriftgate: {widget.name}" for widget in dashboard.WIDGETS
    ]


def test_a_second_run_changes_nothing(langfuse: Dashboards) -> None:
    run()
    langfuse.log.clear()
    again = run("--json")
    assert json.loads(again.stdout)["is_new"] is False
    assert langfuse.made == []


def test_a_run_that_broke_off_is_taken_up_where_it_ended(langfuse: Dashboards) -> None:
    langfuse.refused = (f"POST {DASHBOARDS}", 500)
    assert run().exit_code == 1
    langfuse.refused = None
    assert run().exit_code == 0
    assert len(langfuse.things[WIDGETS]) == len(dashboard.WIDGETS)


def test_renewing_brings_the_same_dashboard_and_charts_up_to_date(langfuse: Dashboards) -> None:
    run()
    (made,) = langfuse.things[DASHBOARDS].values()
    made["definition"] = {"widgets": []}
    langfuse.things[WIDGETS]["id-0"]["filters"] = ["something else"]
    result = run("--renew")
    assert "brought up to date" in result.output
    (renewed,) = langfuse.things[DASHBOARDS].values()
    assert len(renewed["definition"]["widgets"]) == len(dashboard.WIDGETS) == len(langfuse.things[WIDGETS])
    assert langfuse.things[WIDGETS]["id-0"]["filters"] == dashboard.WIDGETS[0].body()["filters"]


@pytest.mark.parametrize(
    ("where", "status", "words"),
    [
        (f"GET {DASHBOARDS}", 404, "this Langfuse has no API for dashboards"),
        (f"POST {WIDGETS}", 400, "does not take the dashboard (status 400, its filters)"),
        (f"GET {DASHBOARDS}", 401, "does not accept these keys"),
        (f"POST {WIDGETS}", 503, "answers with status 503"),
    ],
)
def test_what_a_server_lacks_is_said_in_words(langfuse: Dashboards, where: str, status: int, words: str) -> None:
    langfuse.refused = (where, status)
    result = run()
    assert result.exit_code == 1
    assert words in result.output
    assert "hunter2" not in result.output
    assert words in json.loads(run("--json").stdout)["error"]


def test_a_server_that_is_not_there_is_said_in_words(monkeypatch: pytest.MonkeyPatch, langfuse: Dashboards) -> None:
    monkeypatch.setenv("LANGFUSE_HOST", "http://127.0.0.1:1")
    result = run()
    assert (result.exit_code, langfuse.log) == (1, [])
    assert "does not answer" in result.output


def test_answers_that_are_not_langfuses_are_no_crash(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_HOST", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-1")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-1")
    httpserver.expect_request(re.compile("/api/.*")).respond_with_data("<html>hello")
    result = run()
    assert (result.exit_code, "not Langfuse's" in result.output) == (1, True)
