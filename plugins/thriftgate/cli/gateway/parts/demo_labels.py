"""`thriftgate demo --labels FILE`: labelled answers of every tier, for `thriftgate cascade calibrate`.

Failure behaviour: as the demo: no gateway, a refused key or a missing model ends with one sentence and exit code 1
before anything is asked. Questions that could not be labelled are counted by reason; more than 1 % of them, or none
that could, end with exit code 1, and what was labelled is written all the same.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from thriftgate.demo.labelling import Labels
    from thriftgate.demo.workload import Case

_REQUEST_TIMEOUT = 120.0


def write_labels(
    path: Path,
    tiers: Sequence[str],
    base_url: str,
    key: str,
    prompt: tuple[str | None, str],
    requests: int,
    seed: int,
    concurrency: int,
) -> int:
    """Label the distinct questions of a workload and write them as JSON lines; returns the exit code.

    `prompt` is the route's system message and the version of the prompt it came from.
    """
    from thriftgate.demo.driver import check_gateway
    from thriftgate.demo.knowledge import load_knowledge
    from thriftgate.demo.labelling import labelled_cases
    from thriftgate.demo.workload import make_workload

    asyncio.run(check_gateway(base_url, key, tiers))
    cases = labelled_cases(make_workload(load_knowledge(), seed=seed, requests=requests))
    system, version = prompt
    labels, deployments = asyncio.run(_label(base_url, key, cases, tiers, system, concurrency))
    made_with = {"prompt_version": version, "deployments": deployments}
    lines = (json.dumps({**row, **made_with}, ensure_ascii=False) for row in labels.rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    failed = labels.failures.total()
    right = ", ".join(f"{tier} {sum(row['quality'][tier] for row in labels.rows):.0f}" for tier in tiers)
    click.echo(f"{len(labels.rows)} labels in {path}; right: {right}")
    if failed:
        click.echo(
            f"{failed} failed: {', '.join(f'{n} {name}' for name, n in labels.failures.most_common())}", err=True
        )
    return 1 if not labels.rows or failed > len(cases) // 100 else 0


async def _label(
    base_url: str, key: str, cases: "Sequence[Case]", tiers: Sequence[str], system: str | None, concurrency: int
) -> "tuple[Labels, Mapping[str, Sequence[str]]]":
    """The labels, and the provider's models behind each tier."""
    from openai import AsyncOpenAI
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from thriftgate.demo.driver import fetch_deployments, fetch_price
    from thriftgate.demo.labelling import label

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    prices = {tier: await fetch_price(base_url, key, tier) for tier in tiers}
    async with AsyncOpenAI(base_url=f"{base_url}/v1", api_key=key, timeout=_REQUEST_TIMEOUT) as client:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task(f"labelling {', '.join(tiers)}", total=len(cases))
            labels = await label(
                client, cases, prices, system=system, concurrency=concurrency, on_done=lambda: progress.advance(bar)
            )
    return labels, {tier: await fetch_deployments(base_url, key, tier) for tier in tiers}
