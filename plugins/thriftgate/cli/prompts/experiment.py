"""`thriftgate prompts experiment`: what an experiment has shown so far."""

import asyncio
import math
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thriftgate import wording
from thriftgate.cli.consoles import table_console
from thriftgate.cli.prompts.parts.registry import open_prompt, print_json
from thriftgate.cli.report.parts.ledger_opening import opened_ledger
from thriftgate.cli.waiting import waiting
from thriftgate.prompts.problems import name_hint
from thriftgate.prompts.registry import Prompt

if TYPE_CHECKING:
    from thriftgate.prompts.experiments.verdicts import ExperimentReport, VariantComparison
    from thriftgate.stats.intervals import Interval
    from thriftgate.stores.files.prompt_stops import Stops


@click.command("experiment", short_help="Say what an experiment has shown so far.")
@click.argument("name")
@click.argument("experiment", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--config", type=click.Path(path_type=Path), default="litellm_config.yaml", show_default=True,
    help="The configuration that names the database.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, name: str, experiment: str | None, *, as_json: bool, config: Path) -> None:
    """Say what an experiment of the prompt NAME has shown so far.

    Every interval and test is valid whenever you look and however often, at once for all of them. EXPERIMENT may be
    left out when the prompt has one.
    """
    _, prompt = open_prompt(ctx.obj, name)
    key = f"{name}/{_only(prompt, experiment)}"
    with waiting("reading the ledger …"):
        report, stops = asyncio.run(_read(config, prompt, key.partition("/")[2]))
    if as_json:
        print_json(_plain({**asdict(report), "stopped": stops.get(key, {})}))
    else:
        print_report(report, stops.get(key, {}))


def _only(prompt: Prompt, experiment: str | None) -> str:
    names = list(prompt.experiments)
    if experiment is None and len(names) == 1:
        return names[0]
    if experiment in names:
        return str(experiment)
    if not names:
        raise click.ClickException(f"prompt '{prompt.name}' has no experiments; {prompt.name}/prompt.yaml begins one")
    if experiment is None:
        raise click.ClickException(f"prompt '{prompt.name}' has several experiments: {', '.join(names)}")
    raise click.ClickException(f"prompt '{prompt.name}' has no experiment '{experiment}'{name_hint(experiment, names)}")


async def _read(path: Path, prompt: Prompt, name: str) -> "tuple[ExperimentReport, Stops]":
    from thriftgate.config import load_section
    from thriftgate.services.books.experiments import examine_experiment
    from thriftgate.stores.files.prompt_sources import STOPS
    from thriftgate.stores.files.prompt_stops import PromptStops

    config = load_section(path, os.environ)
    data_dir = path.parent / config.data_dir
    stops = await PromptStops(data_dir / STOPS).read()
    stopped = tuple(stops.get(f"{prompt.name}/{name}", {}))
    async with opened_ledger(config, path.parent) as ledger:
        return await examine_experiment(ledger, prompt, name, now=time.time(), stopped=stopped), stops


def print_report(report: "ExperimentReport", stops: dict[str, dict[str, Any]]) -> None:
    """Print the report for a person."""
    from rich.table import Table

    console = table_console()
    since = f"since {wording.moment(report.since)}" if report.since is not None else "all its requests"
    sure = f"{100 * (1 - report.level):.4g} % confidence, whenever one looks"
    console.print(f"[bold]{report.prompt}/{report.name}[/]  {since}; {sure}")
    metrics = list(report.arms[0].metrics) if report.arms else []
    table = Table(
        "", *(f"{arm.variant} ({wording.percent(arm.weight, 0)})" for arm in report.arms), box=None, pad_edge=False
    )
    table.add_row("requests", *(f"{arm.requests:,}" for arm in report.arms))
    table.add_row("cost, all $", *(wording.plain(arm.cost_usd, 4) for arm in report.arms))
    for metric in metrics:
        table.add_row(_title(metric), *(_measured(metric, arm.metrics[metric]) for arm in report.arms))
    console.print(table)
    for comparison in report.deciding:
        console.print(_sentence(report, comparison), style="bold", markup=False)
    for comparison in report.comparisons:
        if comparison.metric != report.metric and comparison.verdict in ("better", "worse"):
            console.print(_sentence(report, comparison), markup=False)
    for variant, why in stops.items():
        console.print(
            f"'{variant}' was stopped on {wording.moment(why.get('at'))} by its guard on {why.get('metric')}."
        )
    for note in report.notes:
        console.print(note, style="dim", markup=False)


def _title(metric: str) -> str:
    return {"cost": "cost, $ per request", "latency": "latency, s"}.get(metric, f"{metric}, %")


def _measured(metric: str, measured: Any) -> str:
    if not measured.units:
        return wording.UNKNOWN
    return f"{_estimate(metric, measured.interval)}  n={measured.units:,}"


def _estimate(metric: str, interval: "Interval") -> str:
    if metric == "cost":
        return wording.with_interval(interval, 5, write=wording.plain)
    factor = 1.0 if metric == "latency" else 100.0
    return wording.with_interval(interval, 2, write=lambda value, digits: wording.plain(factor * value, digits))


def _sentence(report: "ExperimentReport", comparison: "VariantComparison") -> str:
    difference = "nothing was measured yet"
    if not math.isnan(comparison.difference.estimate):
        unit = {"cost": " $", "latency": " s"}.get(comparison.metric, " points")
        difference = f"difference {_estimate(comparison.metric, comparison.difference)}{unit}"
    about = f"{comparison.metric} of '{comparison.variant}' against '{report.control}'"
    if comparison.verdict == "undecided":
        more = f"about {_rounded(comparison.more_units or 0)} more units needed"
        return f"{about}: no decision yet: {more} ({difference})."
    words = {"better": "better", "worse": "worse", "equal": "no difference that would matter"}[comparison.verdict]
    return f"{about}: {words} ({difference})."


def _rounded(count: int) -> str:
    """Two significant digits: more would look as if it were known."""
    if count >= 10_000_000:
        return "10,000,000 or"
    digits = max(len(str(count)) - 2, 0)
    return f"{round(count, -digits):,}"


def _plain(value: Any) -> Any:
    """Without NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return None if isinstance(value, float) and not math.isfinite(value) else value
