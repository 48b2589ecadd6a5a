"""Prints keys, users and teams, for people and as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import click

from thriftgate.cli.consoles import table_console

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_COLUMNS = ("id", "status", "alias", "user", "team", "role", "tier", "models", "budgets", "expires")


def print_one(fields: Mapping[str, Any], *, as_json: bool) -> None:
    """Everything that is said of one of them."""
    if as_json:
        click.echo(json.dumps(fields, indent=2))
        return
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        click.echo(f"{name.replace('_', ' '):<{width}}  {_cell(name, value)}")


def print_all(rows: Sequence[Mapping[str, Any]], *, as_json: bool, what: str) -> None:
    """A line for each, with the columns that matter."""
    if as_json:
        click.echo(json.dumps(list(rows), indent=2))
        return
    if not rows:
        click.echo(f"There are no {what}.")
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    columns = [name for name in _COLUMNS if any(row.get(name) for row in rows)]
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for row in rows:
        table.add_row(*(_short(name, row.get(name)) for name in columns))
    table_console(soft_wrap=True).print(table)


def print_new_key(text: str, fields: Mapping[str, Any], *, as_json: bool) -> None:
    """The key alone on standard output, so that it can be put into a variable; what it is on the other."""
    if as_json:
        click.echo(json.dumps({"key": text, **fields}, indent=2))
        return
    click.echo(f"key {fields['id']}, shown only now:", err=True)
    click.echo(text)


def _short(name: str, value: Any) -> str:
    """A moment to the minute (UTC): a table has little room."""
    return value[:16].replace("T", " ") if name == "expires" and isinstance(value, str) else _cell(name, value)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "any" if name in ("models", "endpoints") else "-"
    if name == "budgets":
        return ", ".join(f"{'' if one['hard'] else 'soft:'}{one['usd']:g}/{one['per']}" for one in value) or "-"
    if isinstance(value, list):
        return ", ".join(str(one) for one in cast("list[object]", value)) or "none"
    if isinstance(value, dict):
        return json.dumps(value) if value else "-"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
