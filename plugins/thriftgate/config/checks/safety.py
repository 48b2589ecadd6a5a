"""Whether what `privacy` and `guards` say of single models is about models that there are, and the audit log is a file.

A name that nobody has is no detail there: what was to be blocked for it would go out. The same of what an answer's
shape is not held to.

Failure behaviour: findings are values. Of the disk only folders are looked at.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.document import value_at
from thriftgate.config.litellm.model_list import FALLBACK_FIELDS, ModelList
from thriftgate.config.problems import SECTION, Problem
from thriftgate.config.sections.root import ThriftgateConfig
from thriftgate.forms import did_you_mean
from thriftgate.schemas import Schema, compile_schema
from thriftgate.wire.shapes import items, mapping


def check_safety(
    config: ThriftgateConfig, models: ModelList, values: Mapping[str, Any], environ: Mapping[str, str], base: Path
) -> Iterator[RouteFinding]:
    """Models that are named there exist, by the names that clients call; the audit log is a file.

    Of a model that may be in LiteLLM's database it is a warning. A warning also names patterns of a route's schema
    that no answer is held to. `values` are the whole file's.
    """
    for name, route in config.routes.items():
        given = route.output.json_schema if route.output is not None else None
        schema = compile_schema(given) if given is not None else None
        if isinstance(schema, Schema) and schema.ignored:
            words = f"the pattern at {', '.join(schema.ignored)} has no linear form (look-around, back references)"
            problem = Problem((*SECTION, "routes", name, "output", "json_schema"), f"{words}: it is not checked")
            yield RouteFinding(problem, is_warning=True)
    of_teams = [value_at(one, "model_info", "team_public_model_name") for one in items(values.get("model_list"))]
    has_database = value_at(values, "general_settings", "store_model_in_db") is True
    has_database = has_database or environ.get("STORE_MODEL_IN_DB", "").lower() == "true"
    elsewhere = ": it must be one of LiteLLM's database" if has_database else ""
    for section, named in (("privacy", config.privacy), ("guards", config.guards)):
        for name in named.models if named is not None else ():
            if models.find(name) is None and name not in of_teams:
                words = f"no entry of model_list is named so{did_you_mean(name, models.names)}{elsewhere}"
                yield RouteFinding(Problem((*SECTION, section, "models", name), words), is_warning=has_database)
    yield from _check_unprotected_routes(config, models, values)
    if config.guards is not None and config.guards.audit_log and (base / config.guards.audit_log).is_dir():
        yield RouteFinding(Problem((*SECTION, "guards", "audit_log"), "is a folder; it must be a file"))


def _check_unprotected_routes(
    config: ThriftgateConfig, models: ModelList, values: Mapping[str, Any]
) -> Iterator[RouteFinding]:
    """What nothing is looked for in goes to no model that is protected: a route's tiers fall back by themselves."""
    named = config.privacy.models if config.privacy is not None else {}
    for name, one in named.items():
        group = models.find(name)
        routes = [] if one.protect or group is None else [route for route in group.routes if route in config.routes]
        for tier in (tier.model for route in routes for tier in config.routes[route].cascade.tiers):
            for target in _fallbacks_of(tier, values):
                if target not in named or named[target].protect:
                    words = (
                        f"its tier '{tier}' falls back to '{target}', which would get every value in clear: "
                        f"take that fallback out, or say `protect: false` of '{target}' too"
                    )
                    yield RouteFinding(Problem((*SECTION, "privacy", "models", name, "protect"), words))


def _fallbacks_of(group: str, values: Mapping[str, Any]) -> Iterator[str]:
    for section in (mapping(values.get(name)) for name in ("router_settings", "litellm_settings")):
        for field in FALLBACK_FIELDS:
            for entry in map(mapping, items(section.get(field))):
                yield from (str(one) for name in (group, "*") for one in items(entry.get(name)))
        yield from map(str, items(section.get("default_fallbacks")))
