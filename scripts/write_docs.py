"""Writes the generated pages of docs/, or with --check says which of them are out of date (exit code 1)."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.formatting import HelpFormatter

from draw_house import house
from thriftgate.cli import COMMANDS, load_main_command, main_group
from thriftgate.config.docs import configuration_page

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100
_HOUSE = 'An arrow reads "uses".\n\n'
"""What is below this is drawn."""


def pages() -> dict[str, str]:
    """Every generated page by its path."""
    return {
        "docs/configuration.md": configuration_page(),
        "docs/cli.md": cli_page(),
        "docs/architecture.md": architecture_page(),
    }


def architecture_page() -> str:
    """The page as it is written by hand, with a new picture of the house below it."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    by_hand, mark, _ = text.partition(_HOUSE)
    return f"{by_hand}{mark}{house()}"


def cli_page() -> str:
    """The help of every command, as it is printed."""
    parts = ["# Command line\n\n<!-- Made by `make docs` from plugins/thriftgate/cli/; do not edit. -->\n"]
    parts.append(f"\n```text\n{_help(main_group, 'thriftgate', None)}\n```\n")
    for name in COMMANDS:
        for path, command, parent in _with_subcommands(load_main_command(name), name, None):
            heading = "##" if parent is None else "###"
            parts.append(f"\n{heading} `thriftgate {path}`\n\n```text\n{_help(command, path, parent)}\n```\n")
    return "".join(parts)


def _with_subcommands(
    command: click.Command, path: str, parent: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context | None]]:
    yield path, command, parent
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path, parent=parent)
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            if subcommand is not None and not subcommand.hidden:
                yield from _with_subcommands(subcommand, f"{path} {name}", context)


def _help(command: click.Command, path: str, parent: click.Context | None) -> str:
    name = "thriftgate" if command is main_group else f"thriftgate {path}"
    context = click.Context(
        command,
        info_name=name,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        # As at the terminal, where every command is below the main one; click keeps the first answer for good.
        help_option_names=main_group.context_settings["help_option_names"],
    )
    formatter = HelpFormatter(width=WIDTH)
    command.format_help(context, formatter)
    return "\n".join(line.rstrip() for line in formatter.getvalue().strip().splitlines())


def main() -> int:
    """Write the pages, or only compare them."""
    stale: list[str] = []
    for name, text in pages().items():
        path = ROOT / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"written: {name}")
    if stale and "--check" in sys.argv:
        print(f"out of date: {', '.join(stale)} (run `make docs`)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
