"""`thriftgate cache tune`: what the cache would do to an operator's own questions.

The answer groups are split in two halves. Each half is measured with what the other one taught, so that no number is
about questions the settings were made from; the artefact that is written learns from both.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate.cli.charts import Curve, draw_curves, ready_matplotlib
from thriftgate.cli.waiting import waiting
from thriftgate.wording import percent

if TYPE_CHECKING:
    from thriftgate.cli.cache.parts.trial import TrialResult
    from thriftgate.config import EmbedderName


@click.command("tune")
@click.argument("csv_file", metavar="CSV", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--max-error",
    type=click.FloatRange(0.0005, 0.2),
    default=0.01,
    show_default=True,
    help="The promise to recommend settings for.",
)
@click.option(
    "--embedder",
    type=click.Choice(["local", "fast", "multilingual"]),
    default="local",
    show_default=True,
    help="`embedder.model` of the gateway: each has a scale of its own.",
)
@click.option(
    "--orders", type=click.IntRange(1, 50), default=5, show_default=True, help="So many random orders are played."
)
@click.option(
    "--write",
    "artefact_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the artefact for `cache.artefact` here.",
)
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Draw the curve here.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=".thriftgate",
    show_default=True,
    help="Where the embedder's model is kept.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, other orders and another split.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(
    csv_file: Path,
    *,
    max_error: float,
    embedder: "EmbedderName",
    orders: int,
    artefact_file: Path | None,
    png: Path | None,
    data_dir: Path,
    seed: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Draw hits against wrong answers for labelled questions, and recommend settings.

    CSV has the columns `question` and `answer_group`: questions of one group have the same right answer. A few
    hundred questions give a picture, a few thousand a trustworthy artefact. Exit code 1 when they are too few.
    """
    from thriftgate.cli.cache.parts.trial import read_questions, recommend, run_trial

    if png is not None:
        ready_matplotlib()

    try:
        with waiting("embedding the questions and trying settings …"):
            questions = read_questions(csv_file, data_dir, embedder)
            trial = run_trial(
                questions, embedder=embedder, max_error=max_error, orders=orders, seed=seed, source=csv_file.name
            )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if artefact_file is not None:
        artefact_file.write_text(trial.artefact.to_json(), encoding="utf-8")
    if png is not None:
        curves = [
            Curve(name, [(row.error, row.hit_rate, row.setting) for row in trial.rows if row.method == name])
            for name in ("fixed threshold", "max_error")
        ]
        draw_curves(curves, png, title=f"{csv_file.name}: {len(questions):,} questions", promise=max_error)
    advice = recommend(trial, max_error=max_error, artefact_file=artefact_file)
    if as_json:
        _print_json(trial.rows, advice)
    else:
        _print_table(trial.rows, advice, len(questions), orders)


def _print_json(rows: "list[TrialResult]", advice: dict[str, object]) -> None:
    import json
    from dataclasses import asdict

    click.echo(json.dumps({"rows": [asdict(row) for row in rows], "recommended": advice}, indent=2))


def _print_table(rows: "list[TrialResult]", advice: dict[str, object], questions: int, orders: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{questions:,} questions, {orders} random orders", title_justify="left")
    table.add_column("method")
    table.add_column("setting", justify="right")
    table.add_column("hits", justify="right")
    table.add_column("wrong of all", justify="right")
    table.add_column("95 % interval", justify="right")
    for row in rows:
        table.add_row(
            row.method,
            row.setting,
            percent(row.hit_rate),
            percent(row.error, 2),
            f"{percent(row.error_low, 2)} - {percent(row.error_high, 2)}",
        )
    console = Console()
    console.print(table)
    console.print(f"\n[bold]Recommended[/bold]\n{advice['because']}\n")
    console.print(str(advice["yaml"]), highlight=False, markup=False)
