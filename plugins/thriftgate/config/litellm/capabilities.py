"""What a provider's model can do and how long it will be there, as LiteLLM's price map says.

Failure behaviour: nothing here raises; about a model that the map does not have nothing is said.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from thriftgate.config.litellm.prices import bundled_prices, provider_of

_SNAPSHOT = re.compile(r"-(\d{4})-?(\d{2})-?(\d{2})$")
_GPT = re.compile(r"gpt-(\d+)")
_O_SERIES = re.compile(r"o\d")
_OPENAI = frozenset({"openai", "azure"})
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_FIRST_REASONING_GPT = 5
_CHAT = "gpt-5-chat"
"""Of the first reasoning series, the one that does not reason."""
_SEARCH = "gpt-5-search"


def retires_on(model: str) -> date | None:
    """The day on which its provider stops serving `model`; None when none is announced.

    A name without a date stands for the latest dated one: that day is its own where the map has none for the name.
    """
    name = model.rpartition("/")[2]
    known = bundled_prices()
    for candidate in (model, name):
        if found := _day(known.get(candidate)):
            return found
    dated = sorted(other for other in known if other.startswith(f"{name}-") and _is_snapshot_of(other, name))
    return _day(known.get(dated[-1])) if dated else None


def _is_snapshot_of(other: str, name: str) -> bool:
    found = _SNAPSHOT.search(other)
    return found is not None and other[: found.start()] == name


def _day(entry: Mapping[str, Any] | None) -> date | None:
    try:
        return date.fromisoformat(str((entry or {}).get("deprecation_date", "")))
    except ValueError:
        return None


def refused_params(model: str, params: Mapping[str, Any], *, effort: str | None = None) -> Iterator[str]:
    """Of a request's sampling parameters, those that the model refuses.

    `effort` is the reasoning effort that the request has: some models take these parameters while they do not reason.
    """
    if not _refuses_sampling(model, effort):
        return
    for name in sorted(_SAMPLING & set(params)):
        # The default may be said, except to models that search.
        if not (name == "temperature" and params[name] == 1 and _SEARCH not in model):
            yield name


def _refuses_sampling(model: str, effort: str | None) -> bool:
    name = model.rpartition("/")[2]
    entry = bundled_prices().get(model) or bundled_prices().get(name) or {}
    if entry.get("supports_sampling_params") is False:
        return True
    if provider_of(model) not in _OPENAI:
        return False
    if _O_SERIES.match(name):
        return True
    generation = _GPT.match(name)
    if generation is None or int(generation[1]) < _FIRST_REASONING_GPT or name.startswith(_CHAT):
        return False
    may_rest = entry.get("supports_none_reasoning_effort") is True
    return not (may_rest and (effort or entry.get("default_reasoning_effort")) == "none")
