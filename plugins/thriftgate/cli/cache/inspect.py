"""`thriftgate cache inspect`: why a question would be answered from the cache, or not.

Failure behaviour: a store or an embedder that is away ends with exit code 1 and a sentence.
"""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from thriftgate.cli.cache.parts.opening import caller_named, config_option, opened, tenant_options
from thriftgate.cli.waiting import waiting

if TYPE_CHECKING:
    from thriftgate.services.cache.inspection import Inspection
    from thriftgate.types import Caller


@click.command("inspect")
@click.argument("question")
@config_option
@click.option("--route", help="The route whose cache is looked into.  [default: the only one with a cache]")
@tenant_options
@click.option(
    "--params", default="{}", help="Further parameters of the request, as a JSON object: they are in the scope."
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(
    question: str, config_file: Path, *, route: str | None, team: str | None, key_hash: str | None, user: str | None,
    params: str, as_json: bool,
) -> None:  # fmt: skip
    """Say why QUESTION would hit or miss: its scope, its neighbours, their guards, and the decision.

    Nothing is served or counted. The threshold shown is where a gateway starts after what it has learnt; a running one
    moves it with its traffic.
    """
    try:
        given: object = json.loads(params)
    except ValueError:
        raise click.UsageError("--params must be a JSON object") from None
    if not isinstance(given, dict):
        raise click.UsageError("--params must be a JSON object")
    caller = caller_named(team, key_hash, user)
    with waiting("looking into the cache …"):
        found, threshold = asyncio.run(_inspect(config_file, route, question, caller, cast("dict[str, Any]", given)))
    if as_json:
        click.echo(json.dumps(inspection_record(found, threshold), indent=2, ensure_ascii=False))
    else:
        _print(inspection_record(found, threshold))


async def _inspect(
    config_file: Path, route: str | None, question: str, caller: "Caller", params: dict[str, Any]
) -> "tuple[Inspection, float | None]":
    async with opened(config_file) as one:
        inspector, decider = await one.inspector(route)
        found = await inspector.inspect([{"role": "user", "content": question}], caller=caller, params=params)
        return found, decider.threshold


def inspection_record(found: "Inspection", threshold: float | None) -> dict[str, Any]:
    """The inspection as plain values."""
    from thriftgate.caching.decision import Hit, Miss

    decision = found.decision
    outcome, reason = "miss", found.verdict
    if found.exact is not None:
        outcome, reason = "exact hit", "the same question was answered before"
    elif isinstance(decision, Hit):
        outcome, reason = "semantic hit", "the neighbours agree, and no guard objects"
    elif decision is not None:
        reason = str(decision.reason)
        if isinstance(decision, Miss) and decision.veto is not None:
            reason += f" ({decision.veto})"
    weighed = None if isinstance(decision, Miss) else decision
    chosen = found.exact or (weighed.entry if weighed else None)
    return {
        "outcome": outcome,
        "reason": reason,
        "confidence": weighed.confidence if weighed else None,
        "threshold": threshold,
        "scope": found.scope.scope if found.scope else None,
        "entry": chosen.entry_id if chosen else None,
        "evidence": dict(weighed.features) if weighed else {},
        "neighbours": [
            {
                "similarity": round(near.similarity, 4),
                "question": near.entry.question,
                "answer_group": near.entry.group,
                "guard": str(veto) if veto else None,
                "entry": near.entry.entry_id,
            }
            for near, veto in found.neighbours
        ],
    }


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(Text.assemble((found["outcome"], "bold"), f": {found['reason']}"))
    if found["confidence"] is not None and found["threshold"] is not None:
        console.print(f"confidence {found['confidence']:.3f}, served from {found['threshold']:.3f}", highlight=False)
    console.print(f"scope {found['scope']}", highlight=False)
    if not found["neighbours"]:
        return
    table = Table("similarity", "question", "answer group", "guard")
    for near in found["neighbours"]:
        cells = (f"{near['similarity']:.3f}", near["question"], near["answer_group"][:12], near["guard"] or "")
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
