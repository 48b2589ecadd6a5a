"""`thriftgate report --html` on a real ledger: the whole way from rows to a file."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from thriftgate.cli.report.command import command
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.types import Caller, DecisionKind, RequestRecord, Stage


@pytest.fixture
async def config(database: Database, postgres_dsn: str, tmp_path: Path) -> Path:
    """A configuration whose ledger has three requests."""
    ledger = PostgresLedger(database)
    await ledger.record(
        [
            RequestRecord(
                request_id=f"r{number}",
                route="support",
                caller=Caller(user_id="<ada>"),
                started_at=1_793_500_000.0 + number,
                duration=0.5 * (number + 1),
                decision=DecisionKind.ACCEPTED,
                cost_usd=0.001,
                baseline_cost_usd=0.004 + number / 1000,
                stages=(Stage(name="cascade", started_at=0.0, duration=0.4),),
            )
            for number in range(3)
        ]
    )
    path = tmp_path / "litellm_config.yaml"
    section = {"database_url": postgres_dsn, "routes": {"support": {"cascade": {"tiers": [{"model": "small"}]}}}}
    path.write_text(json.dumps({"model_list": [], "callback_settings": {"thriftgate": section}}))
    return path


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--config", str(config), *arguments])


def test_the_page_is_written_whole_with_what_the_ledger_has(config: Path) -> None:
    target = config.with_name("report.html")
    result = run(config, "--html", str(target))
    assert result.exit_code == 0, result.output
    assert "3 requests" in result.output
    text = target.read_text()
    assert "&lt;ada&gt;" in text
    assert "500 ms" not in text
    assert "1 s" in text, "the median of 0.5, 1 and 1.5 seconds"
    assert "Quality of support" in text
    assert [path.name for path in config.parent.iterdir() if path.name.startswith(".report")] == []


def test_json_has_latency_and_the_interval_of_the_sum(config: Path) -> None:
    said = json.loads(run(config, "--json").output)
    assert said["saved_usd_low"] < said["total"]["saved_usd"] < said["saved_usd_high"]
    whole = next(row for row in said["latency"] if row["stage"] == "request")
    assert (whole["n"], whole["p50_seconds"]) == (3, 1.0)


def test_the_table_is_followed_by_latency(config: Path) -> None:
    said = run(config).output
    assert said.index("Requests") < said.index("Latency") < said.index("Quality of support")


def test_a_page_that_cannot_be_written_is_said_in_words(config: Path) -> None:
    result = run(config, "--html", str(config.parent / "nowhere" / "report.html"))
    assert result.exit_code == 1
    assert "cannot be written" in result.output


@pytest.mark.parametrize("other", [["--json"], ["--csv"], ["--by", "user"]])
def test_what_excludes_each_other_is_refused(other: list[str], tmp_path: Path) -> None:
    result = run(tmp_path / "none.yaml", "--html", str(tmp_path / "x.html"), *other)
    assert result.exit_code == 2
    assert not (tmp_path / "x.html").exists()
