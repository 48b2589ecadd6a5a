"""Where commands print their tables: the terminal as it is, a file or a pipe wide enough for every column."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_UNBOUNDED = 250
"""rich would fold a table into 80 columns there."""


def table_console(*, highlight: bool = False, soft_wrap: bool = False) -> "Console":
    """A console on standard output."""
    from rich.console import Console

    console = Console(highlight=highlight, soft_wrap=soft_wrap)
    return console if console.is_terminal else Console(highlight=highlight, soft_wrap=soft_wrap, width=_UNBOUNDED)
