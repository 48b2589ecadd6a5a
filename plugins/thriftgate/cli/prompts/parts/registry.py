"""What the commands of `thriftgate prompts` share: reading the registry, and finding things in it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from thriftgate.prompts.problems import PromptProblem, name_hint
from thriftgate.prompts.registry import Prompt
from thriftgate.prompts.versions import PromptVersion
from thriftgate.stores.files.prompts import PromptFiles


def open_prompt(directory: Path, name: str) -> tuple[PromptFiles, Prompt]:
    """The prompt `name`, and the files it is in. Ends the command with every mistake when it is broken."""
    files = PromptFiles(directory)
    registry = files.reload()
    prompt = registry.prompts.get(name)
    if prompt is None:
        about = [problem for problem in registry.errors if problem.file.startswith(f"{name}/")]
        if about:
            print_problems(about)
            raise click.ClickException(f"prompt '{name}' has errors")
        raise click.ClickException(f"there is no prompt '{name}' in {directory}{name_hint(name, registry.prompts)}")
    return files, prompt


def find_version(prompt: Prompt, reference: str) -> PromptVersion:
    """The version that a label, variant or version's name means."""
    version = prompt.resolve(reference)
    if version is None:
        known = {*prompt.variants, *prompt.versions, *prompt.labels}
        raise click.ClickException(f"prompt '{prompt.name}' has no '{reference}'{name_hint(reference, known)}")
    return version


def print_problems(problems: Sequence[PromptProblem]) -> None:
    """One line for each problem on standard error, errors in red."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for problem in problems:
        colour = "red" if problem.severity == "error" else "yellow"
        console.print(Text.assemble((problem.severity, colour), " ", str(problem)))


def print_json(value: Any) -> None:
    """A value as JSON on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
