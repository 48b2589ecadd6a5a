"""What `thriftgate check` says of a cascade's money: from which share of accepted answers on it saves any.

Failure behaviour: a tier without a price, or an artefact that cannot be used, is left out; nothing is raised.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from thriftgate.cascade.prices import Payoff, payoff_of_prices
from thriftgate.config import LoadedConfig, ModelList


@dataclass(frozen=True, slots=True)
class Paying:
    """What is known of one route."""

    route: str
    payoff: Payoff
    expected: tuple[float, float, float] | None
    """Share of the cost of always-strong by the artefact's test labels: low, estimate, high; None without one."""

    def __str__(self) -> str:
        words = (
            f"{self.route}: by list prices the cascade saves where more than {self.payoff.break_even:.0%} of cheap "
            "answers are accepted (a token in and one out, cheapest over strongest; `cascade calibrate` goes by what "
            "its labels' calls cost)"
        )
        if self.expected is not None:
            low, estimate, high = self.expected
            words += f"; its artefact expects {estimate:.1%} [{low:.1%}, {high:.1%}] of the cost of always-strong"
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
            artefact = loaded.path.parent / cascade.artefact if cascade.artefact else None
            yield Paying(name, payoff, _expected(artefact))


def _expected(path: Path | None) -> tuple[float, float, float] | None:
    if path is None:
        return None
    try:
        cost: Mapping[str, float] = json.loads(path.read_text(encoding="utf-8"))["expected"]["cost"]
        return float(cost["low"]), float(cost["estimate"]), float(cost["high"])
    except (OSError, KeyError, TypeError, ValueError):
        return None
