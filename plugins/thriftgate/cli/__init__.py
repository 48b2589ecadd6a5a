"""The command line, one command per file, each loaded only when it is called."""

import platform
from importlib import metadata

import click

from thriftgate.cli import lazy_group
from thriftgate.cli.lazy_group import LazyGroup

COMMANDS = {
    "up": "Start the gateway.",
    "reload": "Let the running gateway take its changed configuration.",
    "check": "Name every mistake in a configuration.",
    "demo": "Drive a support desk's questions through the gateway and print the bill.",
    "report": "Print what the gateway cost and what it saved.",
    "reconcile": "Compare the ledger with what a provider says it was asked and what it charges.",
    "cache": "Look into the answer cache, tune it, and forget entries.",
    "cascade": "Calibrate when a cheaper model's answer is good enough.",
    "prompts": "Look at the prompts and their experiments, change what is served, and mirror it to Langfuse.",
    "guard": "Try the guards on a text.",
    "keys": "Make, list, change and revoke the keys that clients call with.",
    "teams": "Make, list, change and block teams.",
    "users": "Make, list, change and block users.",
    "langfuse": "Look after the traces in Langfuse.",
    "doctor": "Say what this machine lacks to run the gateway.",
}
"""Every command with its help line, in the order of `thriftgate --help`."""

PREFIX = "thriftgate.cli."
MODULES = {
    "up": "gateway.up", "reload": "gateway.reload", "check": "gateway.check", "demo": "gateway.demo",
    "doctor": "gateway.doctor", "report": "report.command", "reconcile": "report.reconcile",
}  # fmt: skip
"""Where a command stands that is not a group's folder of its own name."""


def load_main_command(name: str) -> click.Command:
    """The command `name`, imported now."""
    return lazy_group.load_command(PREFIX, name, module=MODULES.get(name))


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    versions = " ".join((f"litellm {_version('litellm')}, Python {platform.python_version()}", platform.system()))
    click.echo(f"thriftgate {_version('thriftgate')} ({versions})")
    ctx.exit()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


@click.command(
    cls=LazyGroup, prefix=PREFIX, lines=COMMANDS, modules=MODULES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)  # fmt: skip
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
    help="Print the versions of thriftgate, LiteLLM and Python.",
)  # fmt: skip
def main_group() -> None:
    """A LiteLLM gateway that answers from a cache or a cheap model where that is good enough.

    Exit codes: 0 done, 1 failed, 2 the configuration or the command line is wrong, 130 interrupted.
    """
