"""Which models LiteLLM may ask in the place of one that chooses among others: auto routers, and groups for routing.

Failure behaviour: total; what is written otherwise than LiteLLM reads it names nothing.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from thriftgate.wire.shapes import mapping, text

_PREFIX = "auto_router/"
_KEYS = ("auto_router_", "complexity_router_", "adaptive_router_", "quality_router_")
_ELSEWHERE = "auto_router_config_path"
"""A file of its own."""
_DEEPEST = 20


def chooses(params: Mapping[str, Any]) -> bool:
    """Whether the deployment with these `litellm_params` is no model, but chooses one of others."""
    return text(params.get("model")).startswith(_PREFIX)


def chosen_of(params: Mapping[str, Any]) -> frozenset[str] | None:
    """All words in its settings, the names of what it may ask among them; None: they stand elsewhere.

    The models that only help it to choose are among them too: they read what is asked. Which setting means what LiteLLM
    changes with its releases, so every word is taken that may be a model's name.
    """
    if params.get(_ELSEWHERE):
        return None
    return frozenset(
        word for name, value in params.items() if name.startswith(_KEYS) for word in _words(_read(name, value))
    )


def _read(name: str, value: Any) -> Any:
    """An auto router's settings are JSON in a string."""
    if name != "auto_router_config" or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _words(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST:
        if isinstance(value, Mapping):
            value = [*cast("Mapping[str, Any]", value).values()]
        if isinstance(value, list | tuple):
            for one in cast("list[Any]", value):
                yield from _words(one, depth + 1)


def routing_groups(settings: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The groups of `router_settings` that clients may name, with their members."""
    listed = settings.get("routing_groups")
    for one in cast("list[Any]", listed) if isinstance(listed, list) else ():
        name, models = mapping(one).get("group_name"), mapping(one).get("models")
        if isinstance(name, str) and isinstance(models, list):
            yield name, tuple(str(model) for model in cast("list[Any]", models))
