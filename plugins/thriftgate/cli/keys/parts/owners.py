"""The commands over what owns keys: `thriftgate teams` and `thriftgate users` differ in a word and an option.

Failure behaviour: what is there already stays as it is, and a change that makes no sense changes nothing; exit code 1.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thriftgate.cli.keys.parts.opening import config_option, open_keys
from thriftgate.cli.keys.parts.options import Command, clear_option, given_values, grants_options
from thriftgate.cli.keys.parts.printing import json_option, print_all, print_one

if TYPE_CHECKING:
    from thriftgate.services.identity.administration import OwnerKind

_blocked_option = click.option("--blocked/--not-blocked", default=None, help="Refuse all of its keys, or no longer.")


def create_owner(kind: "OwnerKind") -> click.Command:
    """`create`."""

    @click.command("create", help=f"Make a {kind}.")
    @click.argument("name", metavar="ID")
    @grants_options
    @_team_option(kind)
    @json_option
    @config_option
    def create(config_file: Path, *, name: str, as_json: bool, **given: Any) -> None:
        asyncio.run(_saved(config_file, kind, name, given_values(given), is_new=True, as_json=as_json))

    return create


def change_owner(kind: "OwnerKind") -> click.Command:
    """`set`."""

    @click.command("set", help=f"Change what a {kind} may do; what is not named stays.")
    @click.argument("name", metavar="ID")
    @grants_options
    @_team_option(kind)
    @_blocked_option
    @clear_option
    @json_option
    @config_option
    def change(config_file: Path, *, name: str, cleared: tuple[str, ...], as_json: bool, **given: Any) -> None:
        values = given_values(given, cleared=cleared)
        asyncio.run(_saved(config_file, kind, name, values, is_new=False, as_json=as_json))

    return change


def list_owners(kind: "OwnerKind") -> click.Command:
    """`list`."""

    @click.command("list", help=f"List the {kind}s in the database.")
    @json_option
    @config_option
    def listing(config_file: Path, *, as_json: bool) -> None:
        async def read() -> None:
            from thriftgate.identity.fields import owner_fields

            async with open_keys(config_file) as one:
                found = await one.owners(kind)
            print_all([owner_fields(owner) for owner in found], as_json=as_json, what=f"{kind}s")

        asyncio.run(read())

    return listing


def show_owner(kind: "OwnerKind") -> click.Command:
    """`show`."""

    @click.command("show", help=f"Show what a {kind} may do.")
    @click.argument("name", metavar="ID")
    @json_option
    @config_option
    def show(config_file: Path, *, name: str, as_json: bool) -> None:
        async def read() -> None:
            from thriftgate.identity.fields import owner_fields

            async with open_keys(config_file) as one:
                print_one(owner_fields(await one.owner(kind, name)), as_json=as_json)

        asyncio.run(read())

    return show


async def _saved(
    config_file: Path, kind: "OwnerKind", name: str, values: Mapping[str, Any], *, is_new: bool, as_json: bool
) -> None:
    from thriftgate.identity.fields import owner_fields

    async with open_keys(config_file) as one:
        save = one.create_owner if is_new else one.change_owner
        print_one(owner_fields(await save(kind, name, values)), as_json=as_json)


def _team_option(kind: "OwnerKind") -> Callable[[Command], Command]:
    """Only a user is in a team."""
    return click.option("--team", help="The team that the user is in.") if kind == "user" else lambda command: command
