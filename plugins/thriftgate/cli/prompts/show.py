"""`thriftgate prompts show`: what there is, what is served, and what it says."""

from pathlib import Path
from typing import Any

import click

from thriftgate.cli.consoles import table_console
from thriftgate.cli.prompts.parts.registry import find_version, open_prompt, print_json, print_problems
from thriftgate.prompts.registry import Prompt
from thriftgate.prompts.schema import Variable
from thriftgate.prompts.versions import PromptVersion, content
from thriftgate.stores.files.prompts import PromptFiles


@click.command("show", short_help="Show the prompts, or all of one.")
@click.argument("name", required=False)
@click.argument("reference", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, name: str | None, reference: str | None, *, as_json: bool) -> None:
    """Show the prompts; with NAME its variants, labels and experiments; with REFERENCE one version's text.

    REFERENCE is a label (production), a variant (control), or a version (control@2).
    """
    if name is None:
        _show_all(ctx.obj, as_json=as_json)
        return
    _, prompt = open_prompt(ctx.obj, name)
    if reference is not None:
        version = find_version(prompt, reference)
        if as_json:
            print_json({"name": version.name, "hash": version.hash, **content(version)})
        else:
            _show_version(version)
    elif as_json:
        print_json(_facts(prompt))
    else:
        _show_prompt(prompt)


def _show_all(directory: Path, *, as_json: bool) -> None:
    from rich.table import Table

    registry = PromptFiles(directory).reload()
    if as_json:
        print_json([_facts(prompt) for prompt in registry.prompts.values()])
        return
    print_problems(registry.errors)
    table = Table("prompt", "served", "variants", "experiments", "description", box=None, pad_edge=False)
    for prompt in registry.prompts.values():
        served = prompt.resolve("production")
        table.add_row(
            prompt.name,
            f"{served.name} ({served.hash})" if served else "-",
            ", ".join(prompt.variants),
            ", ".join(prompt.experiments) or "-",
            prompt.description,
        )
    table_console().print(table)


def _facts(prompt: Prompt) -> dict[str, Any]:
    return {
        "name": prompt.name,
        "description": prompt.description,
        "labels": dict(prompt.labels),
        "variants": {name: version.hash for name, version in prompt.variants.items()},
        "versions": {name: version.hash for name, version in prompt.versions.items()},
        "experiments": {
            name: experiment.model_dump(exclude_unset=True) for name, experiment in prompt.experiments.items()
        },
    }


def _show_prompt(prompt: Prompt) -> None:
    from rich.table import Table

    console = table_console()
    console.print(f"[bold]{prompt.name}[/]  {prompt.description}")
    table = Table("version", "hash", "labels", "description", box=None, pad_edge=False)
    for name, version in {**prompt.variants, **prompt.versions}.items():
        labels = [label for label, reference in prompt.labels.items() if reference == name]
        table.add_row(name, version.hash, ", ".join(labels), version.front.description)
    console.print(table)
    for name, experiment in prompt.experiments.items():
        weights = ", ".join(f"{variant} {weight:g}" for variant, weight in experiment.variants.items())
        console.print(f"experiment [bold]{name}[/]: {weights}, by {experiment.unit}; {experiment.description}")


def _show_version(version: PromptVersion) -> None:
    console = table_console()
    console.print(f"[bold]{version.prompt}/{version.name}[/]  {version.hash}  {version.front.description}")
    for name, variable in version.variables.items():
        console.print(f"  {name}: {_described(variable)}", markup=False)
    for name, value in version.params.items():
        console.print(f"  {name} = {value!r}", markup=False)
    for index, message in enumerate(version.messages):
        if index == version.conversation_at:
            console.print("\n[dim]the conversation[/]")
        console.print(f"\n[bold]{message.role}[/]")
        console.print(message.source.text, markup=False, soft_wrap=True)
    if version.conversation_at == len(version.messages):
        console.print("\n[dim]the conversation[/]")
    for name, source in version.includes.items():
        console.print(f"\n[bold]include {name}[/]")
        console.print(source.text, markup=False, soft_wrap=True)


def _described(variable: Variable) -> str:
    parts = [variable.type, "required" if variable.is_required else f"default {variable.default!r}"]
    if variable.choices:
        parts.append("one of " + ", ".join(repr(choice) for choice in variable.choices))
    return ", ".join(parts) + (f"; {variable.description}" if variable.description else "")
