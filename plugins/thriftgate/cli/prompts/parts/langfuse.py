"""What `push`, `pull` and `status` share: the options, and where Langfuse's numbers are kept."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from thriftgate.prompts.registry import Prompt
from thriftgate.stores.files.prompt_sources import NUMBERS
from thriftgate.stores.files.prompts import PromptFiles

if TYPE_CHECKING:
    from thriftgate.stores.langfuse.prompts import LangfuseNumbers

Command = TypeVar("Command", bound=Callable[..., Any])


def data_dir_option(function: Command) -> Command:
    """`--data-dir`, where the numbers of versions are kept for the traces."""
    return click.option(
        "--data-dir", type=click.Path(path_type=Path), default=".thriftgate", show_default=True,
        help="Where the gateway keeps its files; version numbers go there.",
    )(function)  # fmt: skip


def open_numbers(data_dir: Path, project: str) -> "LangfuseNumbers":
    """The version numbers of the Langfuse project, as the gateway reads them."""
    from thriftgate.stores.langfuse.prompts import LangfuseNumbers

    return LangfuseNumbers(data_dir / NUMBERS, project)


def chosen(directory: Path, name: str | None) -> tuple[PromptFiles, list[Prompt]]:
    """The prompt `name`, or every prompt. Broken ones end the command."""
    from thriftgate.cli.prompts.parts.registry import open_prompt, print_problems

    if name is not None:
        files, prompt = open_prompt(directory, name)
        return files, [prompt]
    files = PromptFiles(directory)
    registry = files.reload()
    if registry.errors:
        print_problems(registry.errors)
        raise click.ClickException("some prompts have errors; name one that has none, or put them right")
    return files, list(registry.prompts.values())
