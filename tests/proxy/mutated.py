"""Configurations with the slips that people make: in what a value is, in where a key stands, in how it is typed."""

import random
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, cast

import yaml

_VALUES: tuple[Any, ...] = (
    None, "", 0, 1, -1, 3, 0.5, 1e9, True, False, "yes", "30", "5m", "1h", "-5s", "soon", [], {}, ["small"], "small",
    "small large", {"model": "small"}, "os.environ/NOT_SET_ANYWHERE", "http://localhost:1/v1", "../nothing.yaml",
    [None], [[]], [{}], {"a": {"b": 1}}, "Ünïcode", " blanks ", "a" * 300,
)  # fmt: skip
_SETTINGS = {
    "router_settings": ("num_retries", "timeout", "cooldown_time", "allowed_fails", "retry_after", "fallbacks",
                        "context_window_fallbacks", "default_fallbacks", "model_group_alias", "retry_policy",
                        "allowed_fails_policy", "routing_strategy", "enable_pre_call_checks", "max_fallbacks",
                        "default_litellm_params", "redis_host", "cache_responses", "num_retrys"),
    "litellm_settings": ("num_retries", "request_timeout", "drop_params", "callbacks", "success_callback", "cache",
                         "cache_params", "fallbacks", "set_verbose", "turn_off_message_logging", "json_logs",
                         "default_team_settings", "modify_params", "max_budget", "budget_duration"),
    "general_settings": ("master_key", "background_health_checks", "health_check_interval", "custom_auth",
                         "database_url", "cancel_on_disconnect", "max_parallel_requests", "allowed_ips",
                         "pass_through_endpoints", "max_request_size_mb", "alerting", "key_management_system"),
}  # fmt: skip
"""LiteLLM's own settings that operators write."""


def mutated(text: str, seed: int) -> str:
    """The file with one slip, sometimes two."""
    rng = random.Random(seed)
    for _ in range(rng.choice((1, 1, 1, 2))):
        text = rng.choice(_SLIPS)(text, rng)
    return text


def _with_tree(change: Callable[[Any, random.Random], None]) -> Callable[[str, random.Random], str]:
    def changed(text: str, rng: random.Random) -> str:
        try:
            tree = deepcopy(yaml.safe_load(text))
            change(tree, rng)
            return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
        except (yaml.YAMLError, IndexError, RecursionError):
            return text  # an earlier slip has left nothing to change

    return changed  # fmt: skip


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys."""
    if isinstance(tree, dict):
        for key, value in cast("dict[Any, Any]", tree).items():
            yield cast("Any", tree), key
            yield from _places(value)
    elif isinstance(tree, list):
        for place, value in enumerate(cast("list[Any]", tree)):
            yield cast("Any", tree), place
            yield from _places(value)


def _another_value(tree: Any, rng: random.Random) -> None:
    holder, key = rng.choice(list(_places(tree)))
    holder[key] = deepcopy(rng.choice(_VALUES))


def _gone(tree: Any, rng: random.Random) -> None:
    holder, key = rng.choice(list(_places(tree)))
    del holder[key]


def _misspelt(tree: Any, rng: random.Random) -> None:
    holder, key = rng.choice([(holder, key) for holder, key in _places(tree) if isinstance(key, str)])
    place = rng.randrange(len(key) or 1)
    holder[key[:place] + key[place + 1 :]] = holder.pop(key)


def _elsewhere(tree: Any, rng: random.Random) -> None:
    holder, key = rng.choice([(holder, key) for holder, key in _places(tree) if isinstance(key, str)])
    others: list[Any] = [one for one, _ in _places(tree) if isinstance(one, dict) and one is not holder]
    rng.choice(others)[key] = deepcopy(holder.pop(key))


def _twice(tree: Any, rng: random.Random) -> None:
    holder, place = rng.choice([(holder, key) for holder, key in _places(tree) if isinstance(key, int)])
    holder.append(deepcopy(holder[place]))


def _a_setting_of_litellm(tree: Any, rng: random.Random) -> None:
    section = rng.choice(list(_SETTINGS))
    held = tree.setdefault(section, {})
    if isinstance(held, dict):
        held[rng.choice(_SETTINGS[section])] = deepcopy(rng.choice(_VALUES))


def _at_a_line(change: Callable[[str, random.Random], str]) -> Callable[[str, random.Random], str]:
    def changed(text: str, rng: random.Random) -> str:
        lines = text.splitlines()
        place = rng.randrange(len(lines))
        lines[place] = change(lines[place], rng)
        return "\n".join(lines) + "\n"

    return changed


_SLIPS = (
    _with_tree(_another_value), _with_tree(_another_value), _with_tree(_gone), _with_tree(_misspelt),
    _with_tree(_elsewhere), _with_tree(_twice), _with_tree(_a_setting_of_litellm), _with_tree(_a_setting_of_litellm),
    _with_tree(_a_setting_of_litellm),
    _at_a_line(lambda line, rng: re.sub(r":\s+", ":", line, count=1)),
    _at_a_line(lambda line, rng: " " * rng.randrange(9) + line.lstrip()),
    _at_a_line(lambda line, rng: line.replace(rng.choice("{}[]'\""), "", 1)),
    _at_a_line(lambda line, rng: rng.choice(["", "\t" + line, line + line, "#" + line])),
)  # fmt: skip
