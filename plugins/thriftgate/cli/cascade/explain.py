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

from thriftgate.cli.report.ledger_opening import opened_ledger
from thriftgate.cli.waiting import waiting
from thriftgate.config import RouteConfig, ThriftgateConfig, load_section

if TYPE_CHECKING:
    from rich.console import Console

    from thriftgate.cascade.calibrated import CalibratedScorer
    from thriftgate.ports import Ledger
    from thriftgate.types import Audit, RequestRecord

_MATTERED = 3

DECISIONS = {
    "exact_hit": "the same question had been answered before: its answer came from the cache",
    "semantic_hit": "a question of the same meaning had been answered before: its answer came from the cache",
    "accepted": "a cheaper tier's answer was good enough",
    "escalated": "a cheaper tier was asked first; a stronger one gave the answer",
    "only_tier": "one tier was asked, no other was in question",
    "failed": "nothing was answered",
}
REASONS = {
    "confident": "the confidence reached the threshold",
    "below_threshold": "the confidence was below the threshold",
    "no_confidence": "nothing could be said of the answer's quality",
    "cheaper_tier_failed": "the cheaper tier gave no answer",
    "content_filter": "the provider's filter stopped the cheaper answer",
    "empty_answer": "the cheaper answer was empty",
    "cut_off": "the cheaper answer was cut off",
    "unfinished": "the cheaper answer did not come to its end",
    "invalid_json": "the cheaper answer is not the JSON that was asked for",
    "schema_invalid": "the cheaper answer does not fit the schema that was asked for",
    "tool_missing": "the cheaper answer should have called a tool",
    "tool_unknown": "the cheaper answer calls a tool that was not offered",
    "tool_arguments_invalid": "the cheaper answer calls a tool with arguments that do not fit",
    "collapsed": "the streamed answer grew unsure and was given up",
    "streamed_optimistically": "the answer was shown while it was written, so it could not be taken back",
    "stronger_tiers_failed": "the stronger tiers failed, so a rejected answer was given",
    "coalesced": "the same question was being answered at that moment",
    "only_tier": "the route has one tier",
    "held_out": "the caller is in the control group, which always gets the strongest tier",
    "tool_required": "the request forces a tool call",
    "tools_offered": "the request offers tools",
    "tool_result": "the turn answers a tool's result",
    "strong_first_token": "the route streams the strongest tier's answer at once",
    "unfamiliar": "the question resembles none of the labelled ones, so what was proved with them says nothing of it",
    "poor_outlook": "the question looked too hard for the cheaper tiers",
    "tier_cannot_carry": "the provider of another tier speaks an API that has no place for a part of the request",
    "good_outlook": "the question looked easy enough to trust the first tier unseen",
    "no_outlook": "nothing could be said of the question, and this route decides by it alone",
    "budget_shift": "the caller's budget runs low, so the thresholds were looser",
    "under_load": "the route was under load, so the cheapest tier's answer was taken as it was",
    "uncalibrated": "the route promises max_quality_loss and has no artefact that proves it",
    "stale_artefact": "the route's artefact was made for another version of its prompt",
    "promise_not_proven": "the route's artefact could not prove the promise",
    "collecting_labels": "the route has no proof yet; this request was sent through all tiers to collect a label",
}


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
    audits = await ledger.audits(route=record.route, since=record.started_at)
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

    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"{record.decision}: {DECISIONS[record.decision]}", style="bold")
    if record.reason:
        console.print(f"reason      {record.reason}: {REASONS.get(record.reason, 'see the documentation')}")
    familiarity = next((one.attributes.get("familiarity") for one in record.stages if one.name == "plan"), None)
    if familiarity is not None:
        console.print(f"familiar    {familiarity:.1%} of the labelled questions lie as far from the others as this one")
    if record.error:
        console.print(f"error       {record.error}")
    console.print(f"route       {record.route}; answered by {record.tier or 'nobody'}")
    if record.prompt is not None:
        console.print(f"prompt      {record.prompt.name}/{record.prompt.variant}, version {record.prompt.version}")
    console.print(f"cost        ${record.cost_usd:.6f}; the baseline's would have been ${record.baseline_cost_usd:.6f}")
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
        weighed = judge.stake.weigh(confidence, record.signals)
        console.print(f"weighed     {weighed:.3f}: the confidence {confidence:.3f}, weighed by the money at stake")


def _level(accept_at: float) -> str:
    return "never accepted" if accept_at > 1 else f"accepted from a weighed confidence of {accept_at:.3f}"


def _verdict(audit: "Audit") -> str:
    words = {True: "good enough", False: "not good enough", None: "undecided"}[audit.is_acceptable]
    judged = f" of '{audit.tier}'" if audit.tier else ""
    return f"{audit.kind:<12}the answer{judged} was judged {words} (${audit.cost_usd:.6f})"
