"""`thriftgate cascade explain`: why one request was answered by the tier that answered it.

Failure behaviour: an unknown request is said, exit code 1; an artefact that cannot be used is said in its place, and
the rest is shown. Nothing that a user said is printed.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate.cli.report.parts.ledger_opening import opened_ledger
from thriftgate.cli.waiting import waiting
from thriftgate.config import RouteConfig, ThriftgateConfig, load_section
from thriftgate.wording import money, percent

if TYPE_CHECKING:
    from rich.console import Console

    from thriftgate.cascade.calibrated import CalibratedScorer
    from thriftgate.ports import Ledger
    from thriftgate.types import Audit, RequestRecord

_MATTERED = 3


@click.command("explain")
@click.argument("request_id")
@click.option(
    "--config", type=click.Path(path_type=Path), default="litellm_config.yaml", show_default=True,
    help="The configuration that names the database and the routes.",
)  # fmt: skip
def command(*, request_id: str, config: Path) -> None:
    """Say why a request was answered by the tier that answered it.

    REQUEST_ID is the answer's header `x-thriftgate-request-id`. Shown are the threshold, the signals, and which
    three mattered most: a signal's share in the confidence is in log-odds for routes with an artefact, else the
    logarithm of the factor by which it moved the score.
    """
    section = load_section(config, os.environ)
    with waiting("reading the ledger …"):
        record, audits = asyncio.run(_read(section, config, request_id))
    if record is None:
        raise click.ClickException(
            f"the ledger has no request '{request_id}': it may be of another database, older than the ledger keeps, "
            "or not written yet (that takes a moment)"
        )
    scorer, trouble = _scorer(section, config, record.route)
    print_explanation(record, audits, scorer=scorer, trouble=trouble, route=section.routes.get(record.route))


async def _read(
    section: ThriftgateConfig, config: Path, request_id: str
) -> tuple["RequestRecord | None", list["Audit"]]:
    async with opened_ledger(section, config.parent) as ledger:
        return await find_record(ledger, request_id)


async def find_record(ledger: "Ledger", request_id: str) -> tuple["RequestRecord | None", list["Audit"]]:
    """A request and the verdicts on its answers; None and none when the ledger does not know it."""
    record = await ledger.get(request_id)
    if record is None:
        return None, []
    from thriftgate.types import AuditKind

    guards = await ledger.audits(route=record.route, kind=AuditKind.GUARD, since=record.started_at)
    audits = (*guards, *await ledger.audits(route=record.route, since=record.started_at))
    return record, [audit for audit in audits if audit.request_id == request_id]


def _scorer(section: ThriftgateConfig, config: Path, route: str) -> tuple["CalibratedScorer | None", str | None]:
    """The route's calibrated scorer; else None, with what is wrong if an artefact is named."""
    known = section.routes.get(route)
    if known is None:
        return None, f"the configuration has no route '{route}' any more"
    if known.cascade.artefact is None:
        return None, None
    from thriftgate.cascade.artefact import StaleArtefactError, load_artefact
    from thriftgate.cascade.calibrated import CalibratedScorer

    try:
        return CalibratedScorer(load_artefact(config.parent / known.cascade.artefact)), None
    except StaleArtefactError as error:
        return None, "; ".join(error.problems)


def print_explanation(
    record: "RequestRecord",
    audits: Sequence["Audit"],
    *,
    scorer: "CalibratedScorer | None" = None,
    trouble: str | None = None,
    route: RouteConfig | None = None,
) -> None:
    """Print what was decided and why.

    `scorer` adds what each signal contributed, `trouble` says why there is none; `route` knows the threshold of a route
    without an artefact.
    """
    from rich.console import Console

    from thriftgate.services.books.explaining import reason_words

    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"{record.decision}: {record.decision.words}", style="bold")
    if record.reason:
        console.print(f"reason      {record.reason}: {reason_words(record)}")
    familiarity = next((one.attributes.get("familiarity") for one in record.stages if one.name == "plan"), None)
    if familiarity is not None:
        console.print(
            f"familiar    {percent(familiarity)} of the labelled questions lie as far from the others as this one"
        )
    if record.error:
        console.print(f"error       {record.error}")
    console.print(f"route       {record.route}; answered by {record.tier or 'nobody'}")
    if record.prompt is not None:
        console.print(f"prompt      {record.prompt.name}/{record.prompt.variant}, version {record.prompt.version}")
    console.print(
        f"cost        {money(record.cost_usd, 6)}; the baseline's would have been {money(record.baseline_cost_usd, 6)}"
    )
    if record.similarity is not None:
        console.print(f"similarity  {record.similarity:.3f} to the cached question")
    _print_calls(console, record)
    _print_signals(console, record, scorer, trouble, route)
    for audit in audits:
        console.print(_verdict(audit))


def _print_calls(console: "Console", record: "RequestRecord") -> None:
    from rich.table import Table

    if not record.calls:
        return
    table = Table("asked", "for", "status", "cost $", "seconds", "confidence", box=None, pad_edge=False, title_style="")
    for call in record.calls:
        confidence = "-" if call.confidence is None else f"{call.confidence:.3f}"
        cost, status = f"{call.cost_usd:.6f}", call.error or str(call.status)
        table.add_row(call.model, str(call.purpose), status, cost, f"{call.duration:.3f}", confidence)
    console.print()
    console.print(table)


def judged_tier(record: "RequestRecord", scorer: "CalibratedScorer") -> str | None:
    """The tier whose answer the record's signals describe: the last one asked that the artefact can judge."""
    known = {one.tier for one in scorer.artefact.confidences}
    asked = [call.model for call in record.calls if call.purpose == "answer" and call.model in known]
    return asked[-1] if asked else None


def _print_signals(
    console: "Console",
    record: "RequestRecord",
    scorer: "CalibratedScorer | None",
    trouble: str | None,
    route: RouteConfig | None,
) -> None:
    from rich.table import Table

    from thriftgate.cascade.scoring import static_contributions

    console.print()
    if trouble:
        console.print(f"No contributions can be shown: {trouble}", style="yellow")
    tier = judged_tier(record, scorer) if scorer else None
    parts = scorer.explain(tier, record.signals) if scorer and tier else {}
    if not record.signals:
        console.print("No signals: no cheaper tier's answer was judged.")
        return
    table = Table("signal", "value", *(["log-odds"] if parts else []), box=None, pad_edge=False)
    for name in [*parts, *sorted(set(record.signals) - set(parts))]:
        value = f"{record.signals[name]:.4g}" if name in record.signals else "absent"
        share = [f"{parts[name]:+.3f}" if name in parts else "-"] if parts else []
        table.add_row(name, value, *share)
    console.print(table)
    if scorer and tier:
        _print_threshold(console, record, scorer, tier)
    elif route is not None and route.cascade.artefact is None:
        _print_fixed_threshold(console, record, route)
    moved = parts or ({} if scorer or trouble else static_contributions(record.signals))
    if moved:
        strongest = [f"{name} ({by:+.2f})" for name, by in list(moved.items())[:_MATTERED]]
        console.print(f"mattered    {', '.join(strongest)}: above 0 it spoke for the answer, below against it")


def _print_fixed_threshold(console: "Console", record: "RequestRecord", route: RouteConfig) -> None:
    judged = next((call for call in record.calls if call.purpose == "answer" and call.confidence is not None), None)
    tier = next((tier for tier in route.cascade.tiers if judged is not None and tier.model == judged.model), None)
    if tier is None or judged is None or judged.confidence is None:
        return
    bar = route.cascade.accept_at if tier.accept_at is None else tier.accept_at
    side = "reached" if judged.confidence >= bar else "missed"
    console.print(f"threshold   {bar:.3f} for answers of '{tier.model}', by accept_at as configured now: {side}")


def _print_threshold(console: "Console", record: "RequestRecord", scorer: "CalibratedScorer", tier: str) -> None:
    judge = next(one for one in scorer.artefact.confidences if one.tier == tier)
    console.print(f"threshold   {_level(judge.accept_at)} for answers of '{tier}', by the artefact configured now")
    confidence = next((call.confidence for call in record.calls if call.model == tier and call.confidence), None)
    if confidence is not None:
        weighed = judge.cost_weight.weigh(confidence, record.signals)
        console.print(f"weighed     {weighed:.3f}: the confidence {confidence:.3f}, weighed by the money at stake")


def _level(accept_at: float) -> str:
    return "never accepted" if accept_at > 1 else f"accepted from a weighed confidence of {accept_at:.3f}"


def _verdict(audit: "Audit") -> str:
    if audit.kind == "guard":  # it judged what was asked, and what it said stands in the guards' log
        times = "once" if len(audit.calls) == 1 else f"{len(audit.calls):,} times"
        return (
            f"{audit.kind:<12}the guards' judge was asked {times} whether it is an attack ({money(audit.cost_usd, 6)})"
        )
    words = {True: "good enough", False: "not good enough", None: "undecided"}[audit.is_acceptable]
    judged = f" of '{audit.tier}'" if audit.tier else ""
    return f"{audit.kind:<12}the answer{judged} was judged {words} ({money(audit.cost_usd, 6)})"
