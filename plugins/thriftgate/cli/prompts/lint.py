"""`thriftgate prompts lint`: every mistake in the prompts, with file and line."""

from dataclasses import asdict
from pathlib import Path

import click

from thriftgate.cli.prompts.parts.registry import print_json, print_problems
from thriftgate.prompts.lint import lint
from thriftgate.stores.files.prompts import PromptFiles


@click.command("lint", short_help="Name every mistake in the prompts.")
@click.argument("name", required=False)
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
@click.pass_context
def command(ctx: click.Context, name: str | None, *, strict: bool, as_json: bool) -> None:
    """Name every mistake in the prompts, or in the prompt NAME.

    Errors keep a prompt from being served (a running gateway keeps its last good state); warnings are what works
    but was probably not meant. Exit code 0 means no errors, 1 that there are some.
    """
    directory: Path = ctx.obj
    registry = PromptFiles(directory).reload()
    problems = [*registry.problems, *(problem for prompt in registry.prompts.values() for problem in lint(prompt))]
    if name is not None:
        if not (directory / name).is_dir():
            raise click.ClickException(f"there is no prompt '{name}' in {directory}")
        problems = [problem for problem in problems if problem.file.startswith((f"{name}/", "_shared/"))]
    failed = any(strict or problem.severity == "error" for problem in problems)
    if as_json:
        print_json([asdict(problem) for problem in problems])
    else:
        print_problems(problems)
        if not problems:
            count = 1 if name is not None else len(registry.prompts)
            click.echo(f"ok  {count} prompt{'' if count == 1 else 's'} without mistakes")
    ctx.exit(1 if failed else 0)
