"""What may be said of a key, a user or a team on the command line.

Failure behaviour: a value that cannot be read is a usage error that says how it is written.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

CLEARABLE = ("alias", "user", "team", "models", "endpoints", "tier", "budgets", "expires", "metadata")


def grants_options(command: Command) -> Command:
    """`--alias`, `--model`, `--endpoint`, `--tier`, `--budget`, `--metadata`."""
    options = (
        click.option("--alias", help="A name that people know."),
        click.option(
            "--model", "models", multiple=True, metavar="NAME",
            help="Allow this model group or route (and these); `openai/*` allows all that begin so. Default: all.",
        ),
        click.option(
            "--endpoint", "endpoints", multiple=True, metavar="PATH",
            help="Allow this URL path (and these) in place of those that callers of models need.",
        ),
        click.option("--tier", help="The service tier."),
        click.option(
            "--budget", "budgets", multiple=True, metavar="USD/PERIOD",
            help="So much money in each day or month (UTC): 5/day, 100/month; soft:80/month only says so.",
        ),
        click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="Something to remember (and more)."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


clear_option = click.option(
    "--clear", "cleared", multiple=True, type=click.Choice(CLEARABLE), help="Take this setting away (and these)."
)
expires_option = click.option(
    "--expires", metavar="WHEN", help="When it ends: 2027-01-31 (UTC), 2027-01-31T18:00:00+01:00, or in 90d."
)


def given_values(given: Mapping[str, Any], *, cleared: Sequence[str] = ()) -> dict[str, Any]:
    """What was said, in the words of `identity.forms`; what was not said is left out."""
    values: dict[str, Any] = dict.fromkeys(cleared)
    for name, value in given.items():
        if value is None or value == ():
            continue
        values[name] = _READERS[name](value) if name in _READERS else value
    return values


def _budgets(written: Sequence[str]) -> list[dict[str, Any]]:
    return [_budget(one) for one in written]


def _budget(written: str) -> dict[str, Any]:
    amount, slash, period = written.removeprefix("soft:").partition("/")
    try:
        usd = float(amount)
    except ValueError:
        usd = -1.0
    if not slash or period not in ("day", "month") or usd <= 0:
        raise click.UsageError(f"--budget {written}: is written as 5/day, 100/month or soft:80/month")
    return {"usd": usd, "per": period, "hard": not written.startswith("soft:")}


def _metadata(written: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in written]
    if not all(name and equals for name, equals, _ in pairs):
        raise click.UsageError("--metadata is written as NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _expires(written: str) -> object:
    """A moment, or a time from now on."""
    from thriftgate.config.sections.base import parse_duration

    try:
        return time.time() + parse_duration(written)
    except ValueError:
        return written


_READERS: Mapping[str, Callable[[Any], object]] = {
    "models": list,
    "endpoints": list,
    "budgets": _budgets,
    "metadata": _metadata,
    "expires": _expires,
}
