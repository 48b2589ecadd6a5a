"""`thriftgate demo`: a support desk's questions through the running gateway, and the bill.

Failure behaviour: no gateway, a refused key or a missing model ends with one sentence and exit code 1 before anything
is asked. More than 3 failed requests (or 1 % of them) end with exit code 1 after the bill, which counts the reasons.
"""

import asyncio
import json
import os
import secrets
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import click

from thriftgate.cli.gateway.parts.running import key_beside, url_beside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from thriftgate.demo.driver import Drive, RequestOutcome
    from thriftgate.demo.workload import Case

_CONFIG = Path("litellm_config.yaml")
_PROMPTS = Path("prompts")
_TOLERATED_FAILURES = 3
_REQUEST_TIMEOUT = 120.0


@click.command("demo")
@click.option("--requests", default=400, show_default=True, type=click.IntRange(min=1), help="How many to send.")
@click.option("--days", default=4, show_default=True, type=click.IntRange(min=1), help="Over how many days.")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(min=1), help="How many at a time.")
@click.option(
    "--seed", default=0, show_default=True, help="Of the first day; the next has the next. Same seed, same days."
)
@click.option(
    "--share-cache",
    is_flag=True,
    help="Use answers that earlier runs left in the cache. Default: each run has its own.",
)
@click.option(
    "--base-url", help="Where the gateway is.  [default: the one that runs in this folder, else http://localhost:4000]"
)
@click.option(
    "--api-key", help="Its key.  [default: THRIFTGATE_MASTER_KEY, LITELLM_MASTER_KEY, .thriftgate/master_key]"
)
@click.option("--model", default="support", show_default=True, help="The route to ask.")
@click.option(
    "--stream-share", default=0.3, show_default=True, type=click.FloatRange(0, 1), help="Share asked with stream: true."
)
@click.option("--baseline-model", default="large", show_default=True, help="The strong model to compare with.")
@click.option(
    "--baseline-share", default=1.0, show_default=True, type=click.FloatRange(0, 1),
    help="Share of the requests, drawn at random, that the strong model is asked too.",
)  # fmt: skip
@click.option(
    "--prompt", default="support", show_default=True,
    help="The prompt in ./prompts that the route adds: clients without a gateway would send it themselves.",
)  # fmt: skip
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="No bill: ask --tiers every distinct question and write labels for `thriftgate cascade calibrate` here.",
)
@click.option("--tiers", default="small,large", show_default=True, help="The model groups to label, cheapest first.")
@click.option("--json", "as_json", is_flag=True, help="Print the bill as JSON.")
@click.pass_context
def command(
    ctx: click.Context, requests: int, days: int, concurrency: int, seed: int, base_url: str | None,
    api_key: str | None, model: str, stream_share: float, baseline_model: str, baseline_share: float, prompt: str,
    labels_file: Path | None, tiers: str, *, share_cache: bool, as_json: bool,
) -> None:  # fmt: skip
    """Drive a support desk's questions through the gateway and print the bill.

    The questions come from a support desk that does not exist, with repeats, paraphrases, near-duplicates that need
    another answer, follow-ups and tool turns; each has a known true answer, by which every answer is judged. They are
    those of a few short days, for one day alone may be lucky, and each run begins with an empty cache of its own. The
    same questions are then put to the strong model alone, through the same gateway: that is what the bill compares
    with. Exit code 1 when more than a few requests failed.
    """
    from thriftgate.demo.driver import Drive, check_gateway
    from thriftgate.demo.knowledge import load_knowledge
    from thriftgate.demo.workload import make_days

    base_url = (base_url or url_beside(_CONFIG)).rstrip("/").removesuffix("/v1")
    key = api_key or key_beside(_CONFIG, os.environ) or "none"
    if labels_file is not None:
        from thriftgate.cli.gateway.parts.demo_labels import write_labels

        groups = [name.strip() for name in tiers.split(",")]
        ctx.exit(write_labels(labels_file, groups, base_url, key, _route_prompt(prompt), requests, seed, concurrency))
    asyncio.run(check_gateway(base_url, key, [model, *([baseline_model] if baseline_share else [])]))
    cases = make_days(load_knowledge(), seed=seed, days=min(days, requests), requests=requests)
    rng = Random(f"{seed} streams and baseline")
    streamed = frozenset(rng.sample([case.id for case in cases], round(stream_share * requests)))
    compared = set(rng.sample([case.id for case in cases], round(baseline_share * requests)))
    plans = (
        (
            list(cases),
            Drive(
                model=model,
                concurrency=concurrency,
                streamed=streamed,
                run=None if share_cache else secrets.token_hex(8),
            ),
        ),
        (
            [case for case in cases if case.id in compared],
            Drive(model=baseline_model, concurrency=concurrency, system=_route_prompt(prompt)[0]),
        ),
    )
    outcomes, baseline = asyncio.run(_run(base_url, key, plans))
    ctx.exit(_report(outcomes, baseline, seed=seed, model=model, baseline_model=baseline_model, as_json=as_json))


def _route_prompt(name: str) -> tuple[str | None, str]:
    """The system message that the route's prompt adds by default, and its version; None and "" without a prompt."""
    if not (_PROMPTS / name).is_dir():
        return None, ""
    from thriftgate.cli.prompts.parts.registry import find_version, open_prompt
    from thriftgate.prompts.registry import PRODUCTION
    from thriftgate.prompts.templates.render import render

    _, prompt = open_prompt(_PROMPTS, name)
    version = find_version(prompt, PRODUCTION)
    rendered = render(version, {}, also_known=prompt.variable_names)
    texts = [str(message["content"]) for message in rendered.messages if message["role"] == "system"]
    return "\n\n".join(texts) or None, version.hash


async def _run(
    base_url: str, key: str, plans: "Sequence[tuple[list[Case], Drive]]"
) -> "tuple[list[RequestOutcome], list[RequestOutcome]]":
    """Send the workload with and then without thriftgate, with a progress bar on standard error."""
    from openai import AsyncOpenAI
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from thriftgate.demo.driver import drive, fetch_price, priced

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    results: list[list[RequestOutcome]] = []
    async with AsyncOpenAI(base_url=f"{base_url}/v1", api_key=key, timeout=_REQUEST_TIMEOUT) as client:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bars = [progress.add_task(f"asking '{plan.model}'", total=len(cases)) for cases, plan in plans]
            for bar, (cases, plan) in zip(bars, plans, strict=True):
                outcomes = await drive(client, cases, plan, lambda _, bar=bar: progress.advance(bar))
                results.append(outcomes)
    with_gateway, without = results
    return with_gateway, priced(without, await fetch_price(base_url, key, plans[1][1].model))


def _report(
    outcomes: "Sequence[RequestOutcome]",
    baseline: "Sequence[RequestOutcome]",
    *,
    seed: int,
    model: str,
    baseline_model: str,
    as_json: bool,
) -> int:
    """Print the bill; returns the exit code."""
    import numpy as np
    from rich.console import Console

    from thriftgate.demo.bill import make_bill
    from thriftgate.demo.view import print_bill

    bill = make_bill(outcomes, baseline, np.random.default_rng(seed))
    if as_json:
        click.echo(
            json.dumps({"model": model, "baseline_model": baseline_model, "seed": seed, **bill.as_json()}, indent=2)
        )
    else:
        print_bill(bill, Console(), model=model, baseline_model=baseline_model)
    return 1 if bill.failed > max(_TOLERATED_FAILURES, bill.requests // 100) else 0
