"""`thriftgate prompts status`: compare the prompts here with those in Langfuse."""

import asyncio
from pathlib import Path
from typing import Any

import click

from thriftgate.cli.prompts.parts.langfuse import chosen, data_dir_option, open_numbers
from thriftgate.cli.prompts.parts.registry import print_json
from thriftgate.cli.waiting import waiting
from thriftgate.prompts.registry import Prompt


@click.command("status", short_help="Compare the prompts here with those in Langfuse.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@data_dir_option
@click.pass_context
def command(ctx: click.Context, name: str | None, *, as_json: bool, data_dir: Path) -> None:
    """Compare every prompt, or NAME, with Langfuse: versions, their numbers there, and labels.

    Exit code 0 means that both sides agree, 1 that `push` or `pull` has something to do.
    """
    _, prompts = chosen(ctx.obj, name)
    states = [asyncio.run(_compare(prompt, data_dir)) for prompt in prompts]
    if as_json:
        print_json(states)
    else:
        _print(states)
    ctx.exit(0 if all(state["agrees"] for state in states) else 1)


async def _compare(prompt: Prompt, data_dir: Path) -> dict[str, Any]:
    from thriftgate.prompts.mirror import plan_push, versions_by_hash, wanted_labels
    from thriftgate.services.upkeep.prompt_mirror import fetch
    from thriftgate.stores.langfuse.client import LangfuseClient, keys_from

    async with LangfuseClient(keys_from()) as client:
        with waiting("asking Langfuse …"):
            remotes = await fetch(client, prompt.name)
        numbers = open_numbers(data_dir, client.project)
    plan = plan_push(prompt, remotes)
    labels = wanted_labels(prompt)
    local = versions_by_hash(prompt)
    rows = [
        {
            "version": version.name,
            "hash": content_hash,
            "number": plan.numbers.get(content_hash),
            "labels": sorted(label for label, wanted in labels.items() if wanted == content_hash),
            "labels_there": sorted(label for r in remotes if r.hash == content_hash for label in r.labels),
            "traces_link": numbers.number(prompt.name, content_hash) is not None,
        }
        for content_hash, version in local.items()
    ]
    rows += [
        {
            "version": None,
            "hash": remote.hash,
            "number": remote.number,
            "labels": [],
            "labels_there": sorted(remote.labels),
            "traces_link": False,
        }
        for remote in remotes
        if remote.hash not in local
    ]
    agrees = plan.is_empty and all(remote.hash in local for remote in remotes)
    return {"prompt": prompt.name, "agrees": agrees, "versions": rows, "conflicts": list(plan.conflicts)}


def _print(states: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    for state in states:
        console.print(f"[bold]{state['prompt']}[/]  {'agrees with Langfuse' if state['agrees'] else 'differs'}")
        table = Table("here", "hash", "in Langfuse", "labels here", "labels there", box=None, pad_edge=False)
        for row in state["versions"]:
            number = str(row["number"]) if row["number"] is not None else "- (push)"
            here = row["version"] or "- (pull)"
            hashed = row["hash"] or "not readable"
            table.add_row(here, hashed, number, ", ".join(row["labels"]), ", ".join(row["labels_there"]))
        console.print(table)
        for conflict in state["conflicts"]:
            console.print(f"conflict: {conflict}", style="red", markup=False)
