"""`thriftgate check`: every mistake of a configuration at once, without starting anything."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click

from thriftgate.cascade.prices import Payoff, payoff_of_prices
from thriftgate.cli.gateway.parts.preflight import Prepared, prepare
from thriftgate.cli.waiting import waiting
from thriftgate.config import CacheConfig, LoadedConfig, ModelList
from thriftgate.config.docs import spell_duration
from thriftgate.errors import ConfigurationError
from thriftgate.wording import money, percent, with_interval

DEFAULT_CONFIG = "litellm_config.yaml"


@click.command("check")
@click.argument("config", type=click.Path(path_type=Path), default=DEFAULT_CONFIG)
@click.option(
    "--demo/--no-demo",
    default=None,
    help="Whether the demo provider plays the models. Default, as with `up`: when no provider's key is set.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def command(ctx: click.Context, config: Path, *, demo: bool | None, as_json: bool) -> None:
    """Name every mistake in a configuration.

    CONFIG is LiteLLM's configuration file (default: litellm_config.yaml). Nothing is started and nothing is
    called: the file, the environment variables it names, its prompts, artefacts and prices are looked at. Exit code 0
    means that `thriftgate up` would start with it, 2 that it would not.
    """
    try:
        with waiting("reading the configuration …"):
            prepared = prepare(config, os.environ, demo=demo)
    except ConfigurationError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"file": str(config), "problems": error.problems, "warnings": []}, indent=2))
        ctx.exit(2)
    if as_json:
        click.echo(json.dumps({"file": str(config), "problems": [], **_facts(prepared)}, indent=2))
    else:
        _print_routes(prepared)


def _facts(prepared: Prepared) -> dict[str, Any]:
    loaded = prepared.loaded
    routes: dict[str, dict[str, Any]] = {
        name: {
            "models": loaded.clients_call(name),
            "tiers": [tier.model for tier in route.cascade.tiers],
            "cache": route.cache is not None,
            "prompt": route.prompt.name if route.prompt else None,
        }
        for name, route in loaded.thriftgate.routes.items()
    }
    for one in paying_of(loaded, prepared.models):
        routes[one.route]["break_even"] = round(one.payoff.break_even, 4)
        routes[one.route]["expected_cost"] = one.expected
        routes[one.route]["objections"] = list(one.objections)
    return {"warnings": loaded.warnings, "demo": prepared.runtime.is_demo, "routes": routes}


def _print_routes(prepared: Prepared) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    loaded = prepared.loaded
    console = Console(soft_wrap=True, highlight=False)
    if prepared.runtime.is_demo:
        console.print(
            Text.assemble(("demo    ", "yellow"), "the offline demo provider plays every model, at prices of its own")
        )
    for warning in loaded.warnings:
        console.print(Text.assemble(("warning ", "yellow"), warning))
    table = Table("route", "clients call", "tiers, cheapest first", "cache", "prompt", box=None, pad_edge=False)
    for name, route in loaded.thriftgate.routes.items():
        tiers = " > ".join(_priced(prepared.models, tier.model) for tier in route.cascade.tiers)
        prompt = route.prompt.name if route.prompt else "off"
        table.add_row(name, ", ".join(loaded.clients_call(name)), tiers, _cache(route.cache), prompt)
    console.print(table)
    for one in paying_of(loaded, prepared.models):
        console.print(Text(str(one), style="dim"))
        for objection in one.objections:
            console.print(Text.assemble(("advice  ", "yellow"), f"{one.route}: {objection}"))
    console.print(Text.assemble(("ok", "bold green"), f"  {loaded.path.name} has no mistakes"))


def _priced(models: ModelList, model: str) -> str:
    group = models.find(model)
    price = group.price if group else None
    return f"{model} ({money(price.input * 1e6, 2)}/{money(price.output * 1e6, 2)})" if price else model


def _cache(cache: CacheConfig | None) -> str:
    if cache is None:
        return "off"
    if cache.min_similarity is not None:
        kind = f"min_similarity {cache.min_similarity:g}"
    else:
        kind = "exact" if cache.max_error == 0 else f"max_error {cache.max_error:g}"
    return f"{kind}, ttl {spell_duration(cache.ttl)}"


class CostShare(NamedTuple):
    """A share of the cost of always-strong, with its interval."""

    low: float
    high: float
    estimate: float


@dataclass(frozen=True, slots=True)
class Paying:
    """From which share of accepted answers on one route's cascade saves money."""

    route: str
    payoff: Payoff
    expected: CostShare | None
    """Share of the cost of always-strong by the artefact's test labels; None without one."""
    by_labels: tuple[str, ...] = ()
    """What spoke against it when the artefact was made, by what its labels' calls cost and by their answers."""

    @property
    def objections(self) -> tuple[str, ...]:
        """What speaks against it: by labels where some did, since calls tell more than list prices."""
        return self.by_labels or self.payoff.objections

    def __str__(self) -> str:
        words = (
            f"{self.route}: by list prices the cascade saves where more than {percent(self.payoff.break_even, 0)} of "
            "cheap answers are accepted (a token in and one out, cheapest over strongest; `cascade calibrate` goes by "
            "what its labels' calls cost)"
            if self.payoff.break_even < 1
            else f"{self.route}: by list prices the cascade never saves anything"
        )
        if self.expected is not None:
            words += f"; its artefact expects {with_interval(self.expected)} of the cost of always-strong"
        return words


def paying_of(loaded: LoadedConfig, models: ModelList) -> Iterator[Paying]:
    """Every route with two tiers or more whose prices are known, by those of `models`."""
    for name, route in loaded.thriftgate.routes.items():
        cascade = route.cascade
        groups = [models.find(tier.model) for tier in cascade.tiers]
        prices = [group.price.input + group.price.output for group in groups if group is not None and group.price]
        if len(cascade.tiers) < 2 or len(prices) < len(cascade.tiers):
            continue
        payoff = payoff_of_prices(prices[0], prices[-1])
        if payoff is not None:
            artefact = _artefact(loaded.path.parent / cascade.artefact if cascade.artefact else None)
            yield Paying(name, payoff, _expected(artefact), tuple(artefact.get("objections", ())))


def _artefact(path: Path | None) -> Mapping[str, Any]:
    """What a file holds that was looked at before; nothing where it has gone since."""
    if path is None:
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _expected(artefact: Mapping[str, Any]) -> CostShare | None:
    try:
        cost: Mapping[str, float] = artefact["expected"]["cost"]
        return CostShare(float(cost["low"]), float(cost["high"]), float(cost["estimate"]))
    except (KeyError, TypeError, ValueError):
        return None
