"""`thriftgate report --month` and `reconcile` on a real PostgreSQL: equal to the ledger to the cent."""

import csv
import io
import json
import math
import random
from pathlib import Path

import yaml
from click.testing import CliRunner, Result

from thriftgate.cli import main_group
from thriftgate.stores.postgres.connection.database import Database
from thriftgate.stores.postgres.ledger.book import PostgresLedger
from thriftgate.types import Caller, DecisionKind, RequestRecord, TierCall, Usage

NOVEMBER, DECEMBER = 1_793_491_200.0, 1_796_083_200.0  # UTC


def config(folder: Path, dsn: str) -> Path:
    routes = {"support": {"cascade": {"tiers": [{"model": "small"}]}}}
    path = folder / "litellm_config.yaml"
    path.write_text(yaml.safe_dump({"callback_settings": {"thriftgate": {"database_url": dsn, "routes": routes}}}))
    return path


def run(path: Path, *words: str) -> Result:
    return CliRunner().invoke(main_group, [*words, "--config", str(path)])


def request(number: int, at: float, team: str | None, cost: float) -> RequestRecord:
    call = TierCall(
        model="small", deployment="openai/gpt-5-mini", started_at=at, duration=1.0, usage=Usage(20, 6), cost_usd=cost
    )
    return RequestRecord(
        request_id=str(number), route="support", caller=Caller(team_id=team), started_at=at, duration=1.0,
        decision=DecisionKind.ONLY_TIER, cost_usd=cost, baseline_cost_usd=cost, calls=(call,),
    )  # fmt: skip


async def test_a_months_report_by_team_is_the_ledgers_sum_to_the_cent(
    tmp_path: Path, postgres_dsn: str, database: Database
) -> None:
    draw = random.Random(11)
    teams = ["a", "b", None]
    edges = [NOVEMBER - 0.001, NOVEMBER, DECEMBER - 0.001, DECEMBER]
    times = [*edges, *(draw.uniform(NOVEMBER - 86_400, DECEMBER + 86_400) for _ in range(400))]
    records = [request(number, at, draw.choice(teams), draw.uniform(0, 0.07)) for number, at in enumerate(times)]
    await PostgresLedger(database).record(records)
    path = config(tmp_path, postgres_dsn)
    printed = await run_in_thread(path, "report", "--by", "team", "--month", "2026-11", "--csv")
    rows = {row["group"] or None: row for row in csv.DictReader(io.StringIO(printed))}
    for team in teams:
        mine = [one for one in records if one.caller.team_id == team and NOVEMBER <= one.started_at < DECEMBER]
        assert int(rows[team]["requests"]) == len(mine)
        assert abs(float(rows[team]["cost_usd"]) - math.fsum(one.cost_usd for one in mine)) < 1e-9
    assert len(rows) == 3


async def run_in_thread(path: Path, *words: str) -> str:
    """Commands have an event loop of their own."""
    import asyncio

    result = await asyncio.to_thread(run, path, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_month_is_written_as_year_and_month_and_goes_alone(tmp_path: Path, postgres_dsn: str) -> None:
    path = config(tmp_path, postgres_dsn)
    assert "write 2026-11" in run(path, "report", "--month", "november").output
    assert "--month goes neither" in run(path, "report", "--month", "2026-11", "--since", "7d").output


async def test_an_invoice_that_agrees_ends_well_and_one_that_does_not_says_why(
    tmp_path: Path, postgres_dsn: str, database: Database
) -> None:
    import asyncio

    await PostgresLedger(database).record([request(1, NOVEMBER + 3_600, None, 0.25)])
    path, invoice = config(tmp_path, postgres_dsn), tmp_path / "usage.csv"
    head = "start_time_iso,num_model_requests,model,input_tokens,output_tokens,input_cached_tokens\n"
    invoice.write_text(head + "2026-11-01T00:00:00+00:00,1,gpt-5-mini-2025-08-07,20,6,0\n")
    assert "1 of 1 days and models agree" in await run_in_thread(path, "reconcile", str(invoice))
    invoice.write_text(head + "2026-11-01T00:00:00+00:00,2,gpt-5-mini-2025-08-07,50,6,0\n")
    differs = await asyncio.to_thread(run, path, "reconcile", str(invoice), "--json")
    assert differs.exit_code == 1
    (line,) = json.loads(differs.stdout)["lines"]
    assert line["reasons"][:2] == ["requests: +1 on the invoice", "input tokens: +30 on the invoice"]
    text = await asyncio.to_thread(run, path, "reconcile", str(invoice))
    assert "    invoice  2 requests, 50 input tokens" in text.stdout
    assert "    ledger   1 requests, 20 input tokens" in text.stdout
    invoice.write_text("a,b\n")
    wrong = await asyncio.to_thread(run, path, "reconcile", str(invoice))
    assert wrong.exit_code == 1
    assert "usage.csv: is none of the CSV files" in wrong.output
