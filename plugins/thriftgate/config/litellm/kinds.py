"""What LiteLLM reads of its own sections while it starts, and what each must be.

It trusts what stands there: a number where a list should be ends the start with a traceback that names no line. The
tables are what starts ended with when each setting was tried with values of every kind.

Failure behaviour: nothing here raises; what is not in a table is not looked at.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.environment import variable_of
from thriftgate.config.litellm import names as litellm_names
from thriftgate.config.problems import KeyPath, Problem
from thriftgate.forms import describe, did_you_mean
from thriftgate.wire.shapes import items, mapping

_LICENSE = "LITELLM_LICENSE"
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_REMOTE = ("s3://", "gcs://")
_NO_BLANK = re.compile(r"[A-Za-z_]\w*:\S")
_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?")

Kind = tuple[Callable[[Any], bool], str]


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and isinstance(value, int | float | str) and float(value) == float(value)
    except ValueError:
        return False


def _list_of(fits: Callable[[Any], bool], *, may_be_one: bool = False) -> Callable[[Any], bool]:
    return lambda value: all(map(fits, items(value))) if isinstance(value, list) else may_be_one and fits(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_section(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_walked(value: Any) -> bool:
    """Text where LiteLLM wants a list is walked letter by letter, and only a dot is imported, which ends the start."""
    return isinstance(value, str) and "." not in value


NUMBER: Kind = (_is_number, "a number")
TEXT: Kind = (_is_text, "text")
SECTION: Kind = (_is_section, "a section with keys and values")
LIST: Kind = (lambda value: isinstance(value, list), "a list")
NAMES: Kind = (_list_of(_is_text), "a list of names")
SECTIONS: Kind = (_list_of(_is_section), "a list of sections")
MODULE: Kind = (
    lambda value: _is_text(value) and (value.startswith(_REMOTE) or _MODULE.fullmatch(value) is not None),
    "a module and what is in it, as in my_module.handler",
)
_WHOLE: Kind = (lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0, "a whole number")

_INTERVAL: Kind = (_is_number, "a number of seconds")
_TRUTH: Kind = (lambda value: isinstance(value, bool), "true or false")

_CALLBACK_LISTS = ("audit_log_callbacks", "success_callback", "failure_callback")
_LITELLM: Mapping[str, Kind] = {
    **dict.fromkeys(_CALLBACK_LISTS, (lambda value: NAMES[0](value) or _is_walked(value), NAMES[1])),
    "callbacks": (_list_of(_is_text, may_be_one=True), "a list of names"),
    "custom_provider_map": SECTIONS, "guardrails": SECTIONS, "default_team_settings": SECTIONS,
    "model_group_settings": SECTION, "priority_reservation_settings": SECTION, "responses": SECTION,
    "upperbound_key_generate_params": SECTION, "post_call_rules": MODULE,
    "max_budget": NUMBER, "max_internal_user_budget": NUMBER, "max_ui_session_budget": NUMBER,
    "default_max_internal_user_budget": NUMBER,
}  # fmt: skip
"""Nothing at all is a mistake as well."""
_LITELLM_OR_NOTHING: Mapping[str, Kind] = {
    "cache_params": SECTION, "key_alias_pattern": TEXT,
    "budget_reset_time": (lambda value: _is_text(value) and bool(_TIME.fullmatch(value)), "a time such as '12:00'"),
}  # fmt: skip
_GENERAL: Mapping[str, Kind] = {
    **dict.fromkeys(
        ("custom_auth", "custom_key_generate", "custom_key_policy", "custom_key_update", "custom_sso",
         "custom_team_metadata_validate", "custom_ui_sso_sign_in_handler"), MODULE,
    ),
    "alerting": LIST, "background_health_check_model_groups": NAMES, "role_permissions": SECTIONS,
    "pass_through_endpoints": SECTIONS, "search_tools": SECTIONS, "plugins": LIST, "mcp_disabled_capabilities": NAMES,
    "spend_logs_metadata_fields": NAMES,
    "coordination_redis": SECTION, "key_management_settings": SECTION, "team_metadata_schema": SECTION,
    "health_check_staleness_threshold": NUMBER, "user_api_key_cache_ttl": NUMBER, "user_api_key_cache_max_size": _WHOLE,
    "database_url": TEXT, "master_key": TEXT, "key_management_system": TEXT,
    "health_check_interval": _INTERVAL, "health_check_concurrency": NUMBER, "proxy_batch_write_at": _INTERVAL,
    **dict.fromkeys(
        ("search_tool_deny_by_default", "vector_store_deny_by_default", "background_health_checks",
         "cancel_on_disconnect", "disable_spend_logs", "store_model_in_db"), _TRUTH,
    ),
}  # fmt: skip
_DEPLOYMENT: Mapping[str, Kind] = {
    **dict.fromkeys(("timeout", "stream_timeout", "cooldown_time"), _INTERVAL),
    **dict.fromkeys(
        ("order", "weight", "rpm", "tpm", "max_retries", "num_retries", "max_parallel_requests",
         "input_cost_per_token", "output_cost_per_token", "input_cost_per_second", "output_cost_per_second",
         "cache_read_input_token_cost", "cache_creation_input_token_cost"), NUMBER,
    ),
    **dict.fromkeys(("model", "api_base", "api_version", "organization"), TEXT),
}  # fmt: skip
"""Of `litellm_params`: LiteLLM breaks with them at the first request."""
_SECTIONS = ("litellm_settings", "general_settings", "router_settings", "environment_variables")
_SECRETS_KEPT = "key_management_system"
_LICENSED = ("allowed_ips", "enforced_params")
"""Of `general_settings`: LiteLLM ends where these are set and there is no licence."""


def check_kinds(values: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[RouteFinding]:
    """Values that a start would end with."""
    for name in _SECTIONS:
        yield from _check(values[name] if values.get(name) is not None else {}, SECTION, (name,))
    litellm, general = mapping(values.get("litellm_settings")), mapping(values.get("general_settings"))
    for name, value in litellm.items():
        path: KeyPath = ("litellm_settings", name)
        kind = _LITELLM.get(name) or (_LITELLM_OR_NOTHING.get(name) if value is not None else None)
        yield from _check(value, kind, path)
    for name, value in general.items():
        if value is not None:
            yield from _check(value, _GENERAL.get(name), ("general_settings", name))
            if name in _LICENSED and not environ.get(_LICENSE):
                words = "is for licensees of LiteLLM, which ends where LITELLM_LICENSE is not set: take it out"
                yield RouteFinding(Problem(("general_settings", name), words))
    yield from _check_deployments(items(values.get("model_list")))
    kept = general.get(_SECRETS_KEPT)
    known = litellm_names.secret_stores()
    if isinstance(kept, str) and known and kept not in known and not variable_of(kept):
        words = f"must be one of {', '.join(sorted(known))}, not {describe(kept)}{did_you_mean(kept, known)}"
        yield RouteFinding(Problem(("general_settings", _SECRETS_KEPT), words))
    yield from _check_callbacks(litellm.get("callbacks"))
    for name in _CALLBACK_LISTS:
        written = litellm.get(name)
        if isinstance(written, str) and not variable_of(written) and _is_walked(written):
            words = f"LiteLLM reads each letter as a callback of its own, so that none is called: write [{written}]"
            yield RouteFinding(Problem(("litellm_settings", name), words), is_warning=True)


def _check_deployments(entries: Sequence[Any]) -> Iterator[RouteFinding]:
    for index, entry in enumerate(entries):
        for name, value in mapping(mapping(entry).get("litellm_params")).items():
            if value is not None:
                yield from _check(value, _DEPLOYMENT.get(name), ("model_list", index, "litellm_params", name))


def _check(value: Any, kind: Kind | None, path: KeyPath) -> Iterator[RouteFinding]:
    if kind is None or variable_of(value):
        return
    fits, words = kind
    if not fits(value):
        if kind is SECTION and isinstance(value, str) and _NO_BLANK.match(value):
            yield RouteFinding(Problem(path, f"must be {words}; a blank is missing after a colon in it"))
            return
        # A secret may have slipped in where none is meant.
        written = "" if _is_text(value) and path[-1] in ("master_key", "database_url") else f", not {describe(value)}"
        yield RouteFinding(Problem(path, f"must be {words}{written}"))
    elif kind is MODULE:
        yield from _check_module(value, path)


def _check_module(name: str, path: KeyPath) -> Iterator[RouteFinding]:
    """Whether the module of `module.attribute` can be found, without running it."""
    module = name.rpartition(".")[0]
    top = module.partition(".")[0]
    if name.startswith(_REMOTE) or Path(top).is_dir() or Path(f"{top}.py").is_file():
        return
    try:
        is_there = find_spec(top) is not None
    except (ImportError, ValueError):
        is_there = False
    if not is_there:
        words = f"there is no module '{module}': neither {top}.py in this folder, nor an installed package"
        yield RouteFinding(Problem(path, words))


def _check_callbacks(written: Any) -> Iterator[RouteFinding]:
    """A name with a dot is imported, and one without is LiteLLM's own."""
    known = callback_names()
    for index, name in enumerate(items(written) if isinstance(written, list) else [written]):
        path: KeyPath = ("litellm_settings", "callbacks", *((index,) if isinstance(written, list) else ()))
        if not isinstance(name, str) or variable_of(name):
            continue
        if "." in name and not name.startswith(("thriftgate.", "plugins.")):
            yield from _check(name, MODULE, path)
        elif "." not in name and known and name not in known:
            yield RouteFinding(Problem(path, f"LiteLLM has no callback '{name}'{did_you_mean(name, known)}"))


@cache
def callback_names() -> frozenset[str]:
    """What `callbacks` may name without a module."""
    source = litellm_names.source_of("__init__.py")
    start = source.find("_custom_logger_compatible_callbacks_literal = Literal[")
    listed = re.findall(r'"([\w.-]+)"', source[start : source.find("]", start)]) if start > 0 else []
    chosen = re.findall(r'callback == "(\w+)"', litellm_names.source_of("proxy/common_utils/callback_utils.py"))
    return frozenset([*listed, *chosen]) if listed else frozenset()
