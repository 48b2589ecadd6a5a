"""`thriftgate cascade calibrate`: from labelled answers to thresholds that keep a promise.

A dry run unless `--write` names the artefact's file. The labels come from a file, or from the ledger's audits.

Failure behaviour: lines that cannot be used are named and end the command, exit code 2, as wrong options do; where
nothing can be promised, or nothing is written since it would hardly pay, the exit code is 1.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from thriftgate.cli.charts import draw_frontier, ready_matplotlib
from thriftgate.cli.gateway.check import DEFAULT_CONFIG
from thriftgate.cli.waiting import waiting
from thriftgate.wording import machine_moment, percent, plain, with_interval

if TYPE_CHECKING:
    from thriftgate.cascade.artefact import Artefact
    from thriftgate.cascade.calibration.calibration import Calibration
    from thriftgate.cascade.calibration.labels import Payoff
    from thriftgate.cli.cascade.parts.sources import LabelSource

_MORE_LABELS = 500
_ROWS = 12
_WRITTEN = "Written to"
_REFUSED = "Error: {} was not written, since such a cascade hardly pays (see above). --force writes it all the same."


@click.command("calibrate")
@click.argument(
    "labels_file", metavar="[FILE.jsonl]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take tiers, prices and promise of --route from this file, and the database for its audits.  [default: "
    f"{DEFAULT_CONFIG} where it is there and --tiers does not name others]",
)
@click.option("--route", help="The route in --config.  [default: the only one with two tiers or more]")
@click.option("--since", help="Of the audits only those since then: a time span (24h, 7d, 2w) or a date.")
@click.option(
    "--tiers", help="Model groups, cheapest first, separated by commas (default: of the route, else small,large)."
)
@click.option("--price", "prices", multiple=True, metavar="TIER=IN/OUT", help="US dollars per million tokens.")
@click.option(
    "--max-quality-loss",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="The promise (default: the route's, else 0.02).",
)
@click.option(
    "--delta",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="The chance that it is not kept (default: the route's, else 0.05).",
)
@click.option(
    "--loss",
    type=click.Choice(["net", "regressions"]),
    help="net: what gets better counts as well; regressions: only what gets worse (default: the route's, else net).",
)
@click.option(
    "--method",
    type=click.Choice(["auto", "split", "raw", "cross"]),
    default="auto",
    show_default=True,
    help="split: fit on a part, prove on the rest; raw: fit nothing, every label proves; auto: the cheaper of both "
    "where answers bring log-probabilities (all exact); cross: every label teaches and proves (approximate).",
)
@click.option("--prompt-version", default="", help="The version of the prompt that the file's answers were made with.")
@click.option(
    "--write",
    "artefact_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the artefact for `cascade.artefact` here.",
)
@click.option("--force", is_flag=True, help="Write it also where prices or answers say that it hardly pays.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Draw the frontier here.")
@click.option("--skip-bad-lines", is_flag=True, help="Go on without the lines that cannot be used.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another split.")
@click.option("--no-summary", is_flag=True, help="Keep nothing by which questions unlike the labelled ones are told.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    labels_file: Path | None,
    *,
    config_file: Path | None,
    route: str | None,
    since: str | None,
    tiers: str | None,
    prices: tuple[str, ...],
    max_quality_loss: float | None,
    delta: float | None,
    loss: str | None,
    method: Literal["auto", "split", "raw", "cross"],
    prompt_version: str,
    artefact_file: Path | None,
    force: bool,
    png: Path | None,
    skip_bad_lines: bool,
    seed: int,
    no_summary: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Find thresholds for a cascade that lose at most the promised quality, and prove it.

    FILE.jsonl has one labelled question per line: {"question": …, "cheap": …, "strong": …, "label": true|false}; an
    answer may be an object with `content` and `logprobs`. Without a file the labels are the audits that the gateway
    made of --route, read from the ledger of --config. The frontier is printed, with what was proved and what more
    labels would buy; the artefact is written with --write only. Exit code 1 when nothing can be promised, 2 when
    lines cannot be used.
    """
    import numpy as np

    from thriftgate.cascade.calibration.calibration import Promise, calibrate
    from thriftgate.cascade.calibration.labels import payoff_of
    from thriftgate.cascade.calibration.report import artefact_of, with_more_labels
    from thriftgate.cli.cascade.parts.sources import Setting, labels_of_file, labels_of_ledger

    if config_file is None and (route or tiers is None) and Path(DEFAULT_CONFIG).is_file():
        config_file = Path(DEFAULT_CONFIG)
    if png is not None:
        ready_matplotlib()
    setting = Setting(config_file, route, tiers, prices)
    if labels_file is not None:
        found = labels_of_file(labels_file, setting, prompt_version=prompt_version, skip_bad_lines=skip_bad_lines)
    else:
        found = labels_of_ledger(config_file, setting, since=since)
    promise = Promise(max_quality_loss or setting.max_quality_loss, delta or setting.delta, loss or setting.loss)
    rng = np.random.default_rng(seed)
    with waiting(f"calibrating on {len(found.labels):,} labels …"):
        calibration = calibrate(found.labels, promise, rng, method=method)
    summary = None
    if artefact_file is not None and not no_summary:
        from thriftgate.cli.cascade.parts.questions import summary_of_labels

        # With a generator of its own, so that a dry run says to the last digit what is written then.
        summary = summary_of_labels(found, config_file, np.random.default_rng([seed, 1]))
    payoff = payoff_of(found.labels)
    artefact = artefact_of(
        calibration,
        tiers=setting.tiers,
        rng=rng,
        route=setting.route,
        prompt_version=found.prompt_version,
        deployments=setting.deployments,
        summary=summary,
        objections=payoff.objections if payoff else (),
        created_at=machine_moment(time.time()),
    )
    later = with_more_labels(calibration, _MORE_LABELS)
    if png is not None:
        draw_frontier(calibration, png, title=f"{found.name}: {len(found.labels):,} labels")
    is_kept = calibration.chosen is None and artefact_file is not None and artefact_file.exists()
    is_refused = artefact_file is not None and payoff is not None and bool(payoff.objections) and not force
    if artefact_file is not None and not is_kept and not is_refused:
        artefact_file.write_text(artefact.dump(), encoding="utf-8")
    if as_json:
        _print_json(artefact, later, found, payoff)
    else:
        _print_tables(
            calibration, artefact, later, found, _written(artefact_file, is_kept=is_kept, is_refused=is_refused)
        )
        _print_payoff(payoff, artefact)
    if is_refused:
        click.echo(_REFUSED.format(artefact_file), err=True)
    if calibration.chosen is None or is_refused:
        raise SystemExit(1)


def _written(artefact_file: Path | None, *, is_kept: bool, is_refused: bool) -> str:
    if artefact_file is None:
        return "A dry run: --write FILE keeps it."
    if is_refused:
        return f"Nothing is written to {artefact_file}."
    if is_kept:
        return f"{artefact_file} is left as it is: these labels prove nothing. Remove it to write all the same."
    return f"{_WRITTEN} {artefact_file}."


def _print_json(artefact: "Artefact", later: float | None, found: "LabelSource", payoff: "Payoff | None") -> None:
    import json
    import math

    more = {"more_labels": _MORE_LABELS, "cost_share": None if later is None else round(later, 4)}
    click.echo(
        json.dumps(
            {
                **json.loads(artefact.dump()),
                "would_buy": more,
                "break_even": payoff and round(payoff.break_even, 4),
                "price_ratio": round(payoff.price_ratio, 2) if payoff and math.isfinite(payoff.price_ratio) else None,
                "bad_lines": found.problems,
                "left_out": dict(found.left_out),
            },
            indent=2,
        )
    )


def _print_tables(
    calibration: "Calibration", artefact: "Artefact", later: float | None, found: "LabelSource", written: str
) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for reason, count in found.left_out.items():
        console.print(f"{count:,} audits are no labels: {reason}", highlight=False)
    if calibration.tested:
        table = Table(
            title=f"{len(found.labels):,} labels, {len(calibration.test):,} of them test", title_justify="left"
        )
        for name in ("cost of always-strong", "cheap answers", "lost net", "got worse", "p-value", "proved"):
            table.add_column(name, justify="right")
        step = max(1, len(calibration.tested) // _ROWS)
        for one in calibration.tested:
            if one is calibration.chosen or calibration.tested.index(one) % step == 0:
                mark = " ←" if one is calibration.chosen else ""
                cells = (
                    percent(one.cost_share),
                    percent(one.cheap_share),
                    percent(one.net, 2),
                    percent(one.got_worse, 2),
                    f"{one.p_value:.4f}",
                )
                table.add_row(*cells, ("yes" if one.passed else "no") + mark)
        console.print(table)
    for one in artefact.confidences:
        console.print(f"{one.tier}: accepted from confidence {one.accept_at:.3f}, AUROC {_spelt(one.auroc)}, "
                      f"calibration error {_spelt(one.calibration_error)}", highlight=False)  # fmt: skip
    console.print(f"\n[bold]{artefact.guarantee.words}[/bold]", highlight=False)
    console.print(_projected(later), highlight=False)
    console.print(written, highlight=False)
    if written.startswith(_WRITTEN) and artefact.summary is None:
        console.print("It keeps no summary of the questions, so unfamiliar ones are not told.", highlight=False)


def _projected(later: float | None) -> str:
    """What more labels would buy."""
    if later is None:
        return f"These are too few to tell what {_MORE_LABELS} labels more would bring."
    if later >= 1:
        return f"With {_MORE_LABELS} labels more it would still ask the strongest tier alone, if they are like these."
    return f"With {_MORE_LABELS} labels more it would cost about {percent(later, 0)} of always-strong."


def _print_payoff(payoff: "Payoff | None", artefact: "Artefact") -> None:
    """Whether it pays, in words: the break-even, the share that is accepted, the cost with its interval."""
    if payoff is None:
        return
    from thriftgate.stats.intervals import Interval

    accepted, cost = artefact.expected.get("cheap_share"), artefact.expected.get("cost")
    words = (
        f"It pays where more than {percent(payoff.break_even, 0)} of cheap answers are accepted (what the labels' "
        "calls cost, cheapest over strongest)"
        if payoff.break_even < 1
        else "It never pays: the labels' calls cost no less of the cheapest tier than of the strongest"
    )
    if accepted and cost:
        words += (
            f"; accepted are {percent(accepted['estimate'], 0)}, at {with_interval(Interval(**cost))} of the cost of "
            "always-strong"
        )
    click.echo(f"{words}.")
    for objection in payoff.objections:
        click.echo(f"Not recommended: {objection}")


def _spelt(interval: Any) -> str:
    from thriftgate.stats.intervals import Interval

    if "estimate" not in interval:
        return "unknown"
    return with_interval(Interval(**interval), 3, write=plain)
