"""`thriftgate cache export`: every answer as JSON lines, which `thriftgate cache warm` takes back.

Failure behaviour: a store that goes away in between ends with exit code 1 after the lines written by then.
"""

import asyncio
import json
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from thriftgate.cli.cache.parts.opening import config_option, opened
from thriftgate.cli.waiting import unless_seen
from thriftgate.wording import counted

if TYPE_CHECKING:
    from thriftgate.caching.entries import CacheEntry


@click.command("export")
@config_option
@click.option("--route", help="Only answers of this route.")
@click.option(
    "--output", type=click.File("w", encoding="utf-8"), default="-", help="A file; by default they are printed."
)
def command(config_file: Path, *, route: str | None, output: IO[str]) -> None:
    """Write every answer in the cache as JSON lines.

    The lines hold what users asked and were told, of all tenants: keep them as safe as the database. A `scope` stands
    for tenant, prompt, parameters and all else that must be equal for an answer to be shared.
    """
    with unless_seen(output, "reading the cache …"):
        count = asyncio.run(_export(config_file, route, output))
    click.echo(f"{counted(count, 'answer', 'answers')} written", err=True)


async def _export(config_file: Path, route: str | None, output: IO[str]) -> int:
    count = 0
    async with opened(config_file) as one:
        async for entry in one.cache.entries(route):
            output.write(json.dumps(line_of(entry), ensure_ascii=False) + "\n")
            count += 1
    return count


def line_of(entry: "CacheEntry") -> dict[str, Any]:
    """One entry, as `caching.warm_file` reads it."""
    return {
        "route": entry.route,
        "scope": entry.scope,
        "key": entry.key,
        "question": entry.question,
        "answer": dict(entry.choices[0].message) if entry.choices else None,
        "model": entry.model,
        "group": entry.group,
        **({"joined": list(entry.joined)} if entry.joined else {}),
        "tags": list(entry.tags),
        "prompt_version": entry.prompt_version,
        "created_at": entry.created_at,
        "expires_at": entry.expires_at,
        "hits": entry.hits,
    }
