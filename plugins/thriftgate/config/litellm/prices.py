"""What a token costs, from the configuration or from the price map inside the LiteLLM package.

The map is read as a file: importing LiteLLM takes ten seconds, and this module serves commands that answer at once.

Failure behaviour: where LiteLLM is not installed or its map cannot be read, no price is known.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from thriftgate.config.document import value_at
from thriftgate.wire.shapes import mapping

_MAP_FILE = "model_prices_and_context_window_backup.json"


class Price(NamedTuple):
    """US dollars per token."""

    input: float
    output: float

    @property
    def blended(self) -> float:
        """Of one token in a typical chat: three parts prompt, one part answer."""
        return 0.75 * self.input + 0.25 * self.output

    def __str__(self) -> str:
        return f"USD {self.input * 1e6:.2f} in, {self.output * 1e6:.2f} out per million tokens"


@cache
def bundled_prices() -> Mapping[str, Mapping[str, Any]]:
    """LiteLLM's own price map by model name; empty where it cannot be read."""
    spec = find_spec("litellm")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        try:
            return json.loads((Path(folder) / _MAP_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
    return {}


def provider_of(model: str) -> str | None:
    """The provider LiteLLM would ask: the prefix of `anthropic/…`, else the one its map knows for a bare name."""
    known = value_at(bundled_prices(), model, "litellm_provider")
    prefix, slash, _ = model.partition("/")
    return prefix if slash else (known if isinstance(known, str) else None)


def base_model_of(entry: Mapping[str, Any]) -> str | None:
    """Whose model an entry of `model_list` says that it is, where its provider lets operators name it."""
    base = value_at(entry, "litellm_params", "base_model") or value_at(entry, "model_info", "base_model")
    return base if isinstance(base, str) else None


def price_of(entry: Mapping[str, Any]) -> Price | None:
    """The price of one entry of `model_list`: its own numbers, else those of its (base) model in LiteLLM's map."""
    model = value_at(entry, "litellm_params", "model")
    names = [name for name in (base_model_of(entry), model) if isinstance(name, str)]
    names += [name.partition("/")[2] for name in names if "/" in name]
    sources = [mapping(entry.get("litellm_params")), mapping(entry.get("model_info"))]
    sources += [mapping(bundled_prices().get(name)) for name in names]
    for source in sources:
        costs = [source.get("input_cost_per_token"), source.get("output_cost_per_token", 0.0)]
        numbers = [_number(cost) for cost in costs]
        if numbers[0] is not None and numbers[1] is not None:
            return Price(numbers[0], numbers[1])
    return None


def _number(value: Any) -> float | None:
    # YAML reads `1e-6` as text (its floats need a dot); LiteLLM turns it into a number and so do we.
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except ValueError:
        return None
