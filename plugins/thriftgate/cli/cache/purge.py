"""`thriftgate cache purge`: forget answers, now.

Failure behaviour: nothing is forgotten without a condition or `--everything`, nor without a yes; a store that is away
ends with exit code 1, and what was forgotten by then stays forgotten.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate.cli.cache.parts.opening import config_option, opened
from thriftgate.cli.waiting import waiting
from thriftgate.wording import counted

if TYPE_CHECKING:
    from thriftgate.caching.entries import PurgeFilter


@click.command("purge")
@config_option
@click.option("--route", help="Only answers of this route.")
@click.option("--tag", help="Only answers with this tag.")
@click.option("--entry", "entry_id", help="Only this entry; `cache inspect` and `cache export` name it.")
@click.option("--scope", help="Only answers of this scope; `cache inspect` names it.")
@click.option("--collection", help="Only answers made with passages of this collection.")
@click.option("--prompt-version", "version", metavar="HASH", help="Only answers of this version of the prompt.")
@click.option(
    "--prompt-version-not", "versions", multiple=True, metavar="HASH",
    help="Only answers of other versions of the prompt than this (and these).",
)  # fmt: skip
@click.option("--everything", is_flag=True, help="Every answer of every route.")
@click.option("--dry-run", is_flag=True, help="Only say how many answers would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(
    config_file: Path, *, route: str | None, tag: str | None, entry_id: str | None, scope: str | None,
    collection: str | None, version: str | None, versions: tuple[str, ...], everything: bool, dry_run: bool, yes: bool,
) -> None:  # fmt: skip
    """Forget answers that are out of date.

    All given conditions must hold. A running gateway forgets them at once; what was verified about similar questions
    stays learnt.
    """
    from thriftgate.caching.entries import PurgeFilter

    what = PurgeFilter(
        route=route, tag=tag, entry_id=entry_id, scope=scope, collection=collection, prompt_version=version,
        prompt_versions_not=versions,
    )  # fmt: skip
    if what == PurgeFilter() and not everything:
        raise click.UsageError("say what to forget (--route, --tag, …), or --everything")
    if dry_run or not yes:
        with waiting("counting answers …"):
            count = asyncio.run(_count(config_file, what))
        if dry_run:
            click.echo(f"{counted(count, 'answer', 'answers')} would be forgotten")
            return
        click.confirm(f"Forget {counted(count, 'answer', 'answers')}?", abort=True)
    with waiting("forgetting answers …"):
        count = asyncio.run(_purge(config_file, what))
    click.echo(f"{counted(count, 'answer', 'answers')} forgotten")


async def _count(config_file: Path, what: "PurgeFilter") -> int:
    async with opened(config_file) as one:
        return sum([1 async for entry in one.cache.entries(what.route) if what.matches(entry)])


async def _purge(config_file: Path, what: "PurgeFilter") -> int:
    async with opened(config_file) as one:
        return await one.cache.purge(what)
