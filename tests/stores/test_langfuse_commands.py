"""`thriftgate langfuse` and doctor's look at it, against a played Langfuse and a real ledger."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer
from tests.trace_setup import AUDIT, EVERY_KIND, decode

from thriftgate.cli.gateway.doctor import check_langfuse, check_outages
from thriftgate.cli.langfuse import command
from thriftgate.cli.langfuse.parts.looks import describe_queues, look_at_langfuse, look_at_queue
from thriftgate.config import LoadedConfig, ThriftgateConfig
from thriftgate.stores.langfuse.intake import INGESTION, PROJECTS, TRACES
from thriftgate.stores.postgres.connection.database import Database, connect
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.tracing import attributes as names
from thriftgate.tracing.scores import scores_of

SECTION: dict[str, Any] = {"routes": {"support": {"cascade": {"tiers": [{"model": "large"}]}}}}
SCORES = sum(len(scores_of(record)) for record in EVERY_KIND) + 3
"""And one verdict with its cost, which is also taken off what was saved."""
LANE = {"waiting": 0, "waiting_bytes": 0, "sent": 5, "dropped": 0, "refused": 0, "failures": 0, "last_error": None}


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> dict[str, str]:
    found = {
        "LANGFUSE_HOST": httpserver.url_for("").rstrip("/"),
        "LANGFUSE_PUBLIC_KEY": "pk-1",
        "LANGFUSE_SECRET_KEY": "sk-hunter2",
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def config_file(tmp_path: Path, postgres_dsn: str, database: Database) -> Path:
    async def fill() -> None:
        own = connect(postgres_dsn, max_connections=1)
        ledger = PostgresLedger(own)
        await ledger.record(EVERY_KIND)
        await ledger.add_audit(AUDIT)
        await own.close()

    asyncio.run(fill())
    path = tmp_path / "litellm_config.yaml"
    path.write_text(json.dumps({"callback_settings": {"thriftgate": {**SECTION, "database_url": postgres_dsn}}}))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.mark.usefixtures("keys")
def test_a_backfill_sends_what_the_ledger_has(httpserver: HTTPServer, config_file: Path) -> None:
    httpserver.expect_request(TRACES).respond_with_json({})
    httpserver.expect_request(INGESTION).respond_with_json({"errors": []}, status=207)
    result = run("backfill", "--since", "2023-11-01", "--config", config_file, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "requests": len(EVERY_KIND), "audits": 1, "scores": SCORES, "refused": 0, "dry_run": False,
    }  # fmt: skip
    sent = [decode(request.get_data()) for request, _ in httpserver.log if request.path == TRACES]
    roots = [span.about("request_id") for spans in sent for span in spans if names.IS_ROOT in span.attributes]
    assert sorted(roots) == sorted([*(record.request_id for record in EVERY_KIND), AUDIT.request_id])


@pytest.mark.usefixtures("keys")
def test_a_dry_run_sends_nothing(httpserver: HTTPServer, config_file: Path) -> None:
    result = run("backfill", "--since", "2023-11-01", "--config", config_file, "--dry-run")
    assert result.exit_code == 0, result.output
    assert (
        f"{len(EVERY_KIND)} traces of requests, 1 of audits and {SCORES} scores would be sent; 0 refused"
        in result.output
    )
    assert httpserver.log == []


@pytest.mark.usefixtures("keys")
def test_a_backfill_of_a_time_without_requests_is_empty(config_file: Path) -> None:
    result = run("backfill", "--since", str(2024), "--config", config_file)
    assert result.exit_code == 2
    result = run("backfill", "--since", "2024-01-01", "--config", config_file)
    assert "0 traces of requests, 0 of audits and 0 scores sent" in result.output


@pytest.mark.usefixtures("keys")
def test_status_names_the_project(httpserver: HTTPServer, config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-m")
    httpserver.expect_request(PROJECTS).respond_with_json({"data": [{"id": "p", "name": "desk"}]})
    result = run("status", "--config", config_file, "--base-url", "http://127.0.0.1:1")
    assert result.exit_code == 0
    assert "takes traces for the project 'desk'" in result.output
    assert "none that takes the master key answers at http://127.0.0.1:1" in result.output
    httpserver.expect_request("/thriftgate/status").respond_with_json({"tracing": None, "routes": []})
    gateway = httpserver.url_for("").rstrip("/")
    result = run("status", "--config", config_file, "--base-url", gateway)
    assert f"it runs at {gateway} and sends no traces: it was started without Langfuse's keys" in result.output
    result = run("status", "--config", config_file, "--base-url", "localhost:4000")
    assert "it must begin with http:// or https://" in result.output


@pytest.mark.usefixtures("keys")
def test_status_says_that_the_keys_are_wrong_and_never_which(httpserver: HTTPServer, config_file: Path) -> None:
    httpserver.expect_request(PROJECTS).respond_with_json({}, status=401)
    result = run("status", "--config", config_file, "--base-url", "http://127.0.0.1:1", "--json")
    assert result.exit_code == 1
    assert "its keys are not accepted" in json.loads(result.stdout)["langfuse"]["words"]
    assert "hunter2" not in result.output


def test_without_keys_nothing_is_sent_and_that_is_fine() -> None:
    config = ThriftgateConfig.model_validate(SECTION)
    assert look_at_langfuse(config, {}, patience=1).level == "ok"
    half = look_at_langfuse(config, {"LANGFUSE_PUBLIC_KEY": "pk-1"}, patience=1)
    assert (half.level, "LANGFUSE_SECRET_KEY is not" in half.words) == ("note", True)


def test_doctor_asks_langfuse_and_the_running_gateway(httpserver: HTTPServer, keys: dict[str, str]) -> None:
    httpserver.expect_request(PROJECTS).respond_with_json({}, status=500)
    status = {"tracing": {"traces": LANE | {"dropped": 3, "failures": 2, "last_error": "answers with status 500"}}}
    httpserver.expect_request("/thriftgate/status", headers={"Authorization": "Bearer sk-m"}).respond_with_json(status)
    config = ThriftgateConfig.model_validate(SECTION)
    loaded = LoadedConfig(path=Path("x"), thriftgate=config, models=None, master_key="sk-m")  # pyright: ignore[reportArgumentType]
    langfuse, queue = check_langfuse(loaded, keys["LANGFUSE_HOST"])
    assert (langfuse.status, queue.status) == ("note", "note")
    assert "requests are served all the same" in langfuse.words
    assert "3 were lost" in queue.words
    assert "thriftgate langfuse backfill" in queue.words


def test_doctor_says_what_is_away_and_what_was(httpserver: HTTPServer) -> None:
    line = {
        "name": "the cache",
        "since": 1_700_000_000.0,
        "why": "it is full",
        "cost": "12 requests went on without it",
    }
    status = {"outages": [line, {**line, "name": "Langfuse", "since": None}]}
    httpserver.expect_request("/thriftgate/status").respond_with_json(status)
    config = ThriftgateConfig.model_validate(SECTION)
    loaded = LoadedConfig(path=Path("x"), thriftgate=config, models=None, master_key="sk-m")  # pyright: ignore[reportArgumentType]
    assert [(one.status, one.words) for one in check_outages(loaded, httpserver.url_for(""))] == [
        ("note", "the cache is away since 2023-11-14 22:13 UTC: it is full; 12 requests went on without it"),
        ("ok", "Langfuse is back; it was away: it is full; 12 requests went on without it"),
    ]
    assert check_outages(loaded, "http://127.0.0.1:1") == []


def test_a_gateway_that_cannot_be_asked_is_passed_over(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/thriftgate/status").respond_with_data("<html>", status=200)
    assert look_at_queue(httpserver.url_for(""), "sk-m", patience=1) is None
    assert look_at_queue("http://127.0.0.1:1", "sk-m", patience=1) is None
    assert look_at_queue("file:///etc/passwd", "sk-m", patience=1) is None
    assert look_at_queue(httpserver.url_for(""), None, patience=1) is None


def test_a_healthy_queue_is_fine() -> None:
    look = describe_queues({"traces": LANE, "scores": LANE})
    assert (look.level, look.words) == (
        "ok", "5 traces sent, 0 wait, 0 were lost, 5 scores sent, 0 wait, 0 were lost",
    )  # fmt: skip
