"""`thriftgate cache warm`: answers that are there before anybody asks.

Failure behaviour: lines that cannot be used are named and nothing is stored, exit code 2, unless `--skip-bad-lines`;
a store that goes away in between ends with exit code 1, and doing it again completes it.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from thriftgate.cli.cache.parts.opening import caller_named, config_option, opened, tenant_options
from thriftgate.cli.waiting import waiting
from thriftgate.wording import counted

if TYPE_CHECKING:
    from thriftgate.caching.warm_file import WarmLine
    from thriftgate.services.cache.inspection import Warmed
    from thriftgate.types import Caller

_MOST_PROBLEMS = 20


@click.command("warm")
@click.argument("lines_file", metavar="FILE.jsonl", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
@click.option("--route", help="The route whose cache is filled.  [default: the only one with a cache]")
@tenant_options
@click.option("--ttl", type=click.FloatRange(min=1), help="Seconds to serve the answers for (default: the route's).")
@click.option("--tag", "tags", multiple=True, help="Put on every entry, to purge by.")
@click.option("--skip-bad-lines", is_flag=True, help="Go on without the lines that cannot be used.")
def command(
    lines_file: Path, config_file: Path, *, route: str | None, team: str | None, key_hash: str | None, user: str | None,
    ttl: float | None, tags: tuple[str, ...], skip_bad_lines: bool,
) -> None:  # fmt: skip
    """Put questions with their answers into the cache.

    FILE.jsonl has one of them per line: {"question": …, "answer": …}, with `tags`, `params` and `prompt_variables`
    where they matter, or the lines that `thriftgate cache export` wrote. They are for one tenant (--team, --key-hash),
    unless the route shares its answers globally or a line states its scope. Warming twice changes nothing.
    """
    from thriftgate.caching.warm_file import read_warm_lines

    with lines_file.open(encoding="utf-8", errors="replace") as lines:
        found = read_warm_lines(lines)
    _name(found.problems, lines_file)
    if found.problems and not skip_bad_lines:
        click.echo("nothing was stored; put the lines right, or go on with --skip-bad-lines", err=True)
        raise SystemExit(2)
    with waiting(f"storing {counted(len(found.lines), 'answer', 'answers')} …"):
        warmed = asyncio.run(_warm(config_file, route, found.lines, caller_named(team, key_hash, user), ttl, tags))
    _name(warmed.refused, lines_file)
    click.echo(f"{counted(warmed.stored, 'answer', 'answers')} stored, {len(warmed.refused):,} refused")


async def _warm(
    config_file: Path,
    route: str | None,
    lines: "list[WarmLine]",
    caller: "Caller",
    ttl: float | None,
    tags: tuple[str, ...],
) -> "Warmed":
    async with opened(config_file) as one:
        inspector, _ = await one.inspector(route)
        return await inspector.warm(lines, caller=caller, ttl=ttl, tags=tags)


def _name(problems: list[str], path: Path) -> None:
    for problem in problems[:_MOST_PROBLEMS]:
        click.echo(f"{path.name}, {problem}", err=True)
    if len(problems) > _MOST_PROBLEMS:
        click.echo(f"{path.name}: and {len(problems) - _MOST_PROBLEMS} more", err=True)
