"""`thriftgate prompts experiment` on a real ledger."""

import asyncio
import json
import random
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from thriftgate.cli.prompts import command
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.types import Audit, AuditKind, Caller, DecisionKind, PromptRef, RequestRecord

SETTINGS = "experiments:\n  short:\n    variants: {control: 50, concise: 50}\n    metric: escalation\n    window: 1m\n"


@pytest.fixture
def place(tmp_path: Path, postgres_dsn: str) -> Path:
    support = tmp_path / "prompts" / "support"
    support.mkdir(parents=True)
    for name, text in (("prompt.yaml", SETTINGS), ("control.md", "Long"), ("concise.md", "Short")):
        (support / name).write_text(text)
    config = {
        "model_list": [{"model_name": "small", "litellm_params": {"model": "openai/gpt-5-nano", "api_key": "k"}}],
        "callback_settings": {
            "thriftgate": {
                "database_url": postgres_dsn,
                "data_dir": "data",
                "routes": {"support": {"cascade": {"tiers": [{"model": "small"}]}}},
            }
        },
    }
    (tmp_path / "litellm_config.yaml").write_text(json.dumps(config))
    return tmp_path


async def run(place: Path, *arguments: str) -> Result:
    options = ["--prompts-dir", str(place / "prompts"), "experiment", "support", *arguments]
    options += ["--config", str(place / "litellm_config.yaml")]
    result = await asyncio.to_thread(CliRunner().invoke, command, options)
    assert result.exit_code == 0, (result.output, result.exc_info)
    return result


def rows(count: int, rates: dict[str, float]) -> list[RequestRecord]:
    rng = random.Random(count)
    begin = time.time() - 100_000
    made: list[RequestRecord] = []
    for number in range(count):
        variant = "control" if number % 2 else "concise"
        decision = DecisionKind.ESCALATED if rng.random() < rates[variant] else DecisionKind.ACCEPTED
        made.append(
            RequestRecord(
                request_id=f"r{number}", route="support", caller=Caller(user_id=f"u{number}"), cost_usd=0.01,
                started_at=begin + number, duration=1.5, decision=decision,
                prompt=PromptRef(name="support", variant=variant, version="v", experiment="short"),
            )
        )  # fmt: skip
    return made


async def test_with_too_little_it_says_how_much_more_is_needed(place: Path, database: Database) -> None:
    await PostgresLedger(database).record(rows(40, {"control": 0.5, "concise": 0.4}))
    output = (await run(place)).output

    assert "support/short  all its requests; 95 % confidence, whenever one looks" in output
    assert "escalation of 'concise' against 'control': no decision yet: about" in output
    assert "more units needed" in output


async def test_with_enough_it_decides_and_shows_every_metric(place: Path, database: Database) -> None:
    ledger = PostgresLedger(database)
    made = rows(600, {"control": 0.7, "concise": 0.2})
    await ledger.record(made)
    for record in made[:50]:
        await ledger.add_audit(
            Audit(
                request_id=record.request_id, kind=AuditKind.CASCADE, route="support", holdout=True,
                judged_at=record.started_at + 1, is_acceptable=True,
            )
        )  # fmt: skip
    output = (await run(place, "short")).output

    assert "escalation of 'concise' against 'control': better (difference \u22125" in output
    for row in ("requests", "cost, $ per request", "latency, s", "hits, %", "quality, %", "failure, %"):
        assert row in output
    report = json.loads((await run(place, "--json")).output)
    assert report["arms"][0]["metrics"]["quality"]["units"] == 25
    assert [arm["requests"] for arm in report["arms"]] == [300, 300]


async def test_a_stopped_variant_is_named_with_the_guard_that_stopped_it(place: Path, database: Database) -> None:
    (place / "data").mkdir()
    stops = {"support/short": {"concise": {"at": 1782864000.0, "metric": "quality"}}}
    (place / "data" / "experiments.json").write_text(json.dumps(stops))

    output = (await run(place)).output
    assert "'concise' was stopped on 2026-07-01 00:00 UTC by its guard on quality." in output
    assert "concise (0%)" in output


def test_an_experiment_that_is_not_there_is_met_with_what_there_is(place: Path) -> None:
    options = ["--prompts-dir", str(place / "prompts"), "experiment", "support", "shrot"]

    assert "did you mean 'short'?" in CliRunner().invoke(command, options).output
