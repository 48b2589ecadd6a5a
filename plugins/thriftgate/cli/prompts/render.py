"""`thriftgate prompts render`: what a model would be told, without asking one."""

import json
import time
from pathlib import Path
from typing import Any

import click

from thriftgate.cli.prompts.parts.registry import find_version, open_prompt, print_json
from thriftgate.prompts.experiments.assignment import assign, is_running
from thriftgate.prompts.registry import PRODUCTION, Prompt
from thriftgate.prompts.schema import Variable
from thriftgate.prompts.templates.render import render


@click.command("render", short_help="Show what a model would be told.")
@click.argument("name")
@click.argument("reference", default=PRODUCTION)
@click.option("--var", "assignments", multiple=True, metavar="NAME=VALUE", help="A variable; may be repeated.")
@click.option(
    "--vars-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A JSON object of variables."
)
@click.option("--unit", "unit_id", help="Deal this user, session or key as the running experiment would.")
@click.option("--json", "as_json", is_flag=True, help="Print messages and parameters as JSON.")
@click.pass_context
def command(
    ctx: click.Context, name: str, reference: str, *, assignments: tuple[str, ...], vars_file: Path | None,
    unit_id: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Show what a model would be told by the prompt NAME (by default what is served as `production`).

    A value given by --var is text, unless the variable is a number, boolean or list: then it is read as JSON.
    """
    _, prompt = open_prompt(ctx.obj, name)
    if unit_id is not None:
        reference = _dealt(prompt, unit_id) or reference
    version = find_version(prompt, reference)
    variables = _read(vars_file) | _parse(assignments, version.variables)
    rendered = render(version, variables, also_known=prompt.variable_names)
    if as_json:
        print_json(
            {"version": version.name, "hash": version.hash, "messages": rendered.messages, "params": rendered.params}
        )
        return
    click.secho(f"{prompt.name}/{version.name} ({version.hash})", bold=True)
    for parameter, value in rendered.params.items():
        click.echo(f"{parameter} = {value!r}")
    for message in rendered.messages:
        click.secho(f"\n{message['role']}", bold=True)
        click.echo(message["content"])


def _dealt(prompt: Prompt, unit_id: str) -> str | None:
    now = time.time()
    for name, experiment in prompt.experiments.items():
        if is_running(experiment, now):
            assignment = assign(experiment, unit_id, now, prompt=prompt.name, name=name)
            click.echo(f"experiment {name}: {assignment.variant or assignment.reason}", err=True)
            return assignment.variant
    return None


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise click.BadParameter(f"{path} is not JSON", param_hint="--vars-file") from None
    if not isinstance(values, dict):
        raise click.BadParameter(f"{path} must hold a JSON object", param_hint="--vars-file")
    return values  # pyright: ignore[reportUnknownVariableType]


def _parse(assignments: tuple[str, ...], variables: "dict[str, Variable] | Any") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise click.BadParameter(f"'{assignment}' is not NAME=VALUE", param_hint="--var")
        variable = variables.get(name)
        values[name] = text if variable is None or variable.type == "string" else _json(name, text)
    return values


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise click.BadParameter(f"the value of '{name}' is not JSON", param_hint="--var") from None
