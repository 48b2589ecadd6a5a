"""From which share of accepted cheap answers on a cascade saves anything, by prices alone.

Asking a cheap model first costs its price on every question and saves the strong one's on those whose cheap answer is
accepted: it pays only where the accepted share exceeds cheap price / strong price.

Failure behaviour: pure and total. Needs nothing but Python: `thriftgate check` answers at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from thriftgate.wording import percent

LEAST_RATIO = 5.0
"""Strong price over cheap price below which a cascade hardly ever pays for its own wasted calls."""


@dataclass(frozen=True, slots=True)
class Payoff:
    """What is known before any threshold is chosen."""

    price_ratio: float
    """Strong price over the cheapest tier's, of the labelled calls; infinity where that one is free."""
    break_even: float
    """The share of cheap answers that must be accepted before anything is saved."""
    objections: tuple[str, ...]
    """Why a cascade is unlikely to pay, in sentences; empty where nothing speaks against it."""


def payoff_of_prices(cheap: float, strong: float) -> Payoff | None:
    """The break-even by list prices of any one unit, before there is a label; None where the strong tier is free."""
    if strong <= 0:
        return None
    ratio = strong / cheap if cheap > 0 else float("inf")
    return Payoff(price_ratio=ratio, break_even=1 / ratio, objections=tuple(objections_to(ratio)))


def objections_to(ratio: float) -> Iterator[str]:
    """What speaks against a cascade whose strongest tier costs `ratio` times its cheapest, in sentences."""
    if ratio <= 1:
        yield (
            "The strongest tier costs no more than the cheapest, so that asking that one first saves nothing. Choose "
            "one of the two models."
        )
    elif ratio < LEAST_RATIO:
        yield (
            f"The strongest tier costs only {ratio:.1f} times the cheapest: {percent(1 / ratio, 0)} of all answers "
            f"must be accepted before anything is saved. Below {LEAST_RATIO:.0f} times, choose one of the two models."
        )
