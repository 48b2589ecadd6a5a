"""Whether what `privacy` and `guards` say of single models is about models that there are, and the audit log is a file.

A name that nobody has is no detail there: what was to be blocked for it would go out. The same of what an answer's
shape is not held to.

Failure behaviour: findings are values. Of the disk only folders are looked at.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.document import value_at
from thriftgate.config.litellm.choosing import routing_groups
from thriftgate.config.litellm.fallbacks import Fallbacks
from thriftgate.config.litellm.model_list import ModelList
from thriftgate.config.privacy_policies import Policies
from thriftgate.config.problems import SECTION, Problem
from thriftgate.config.sections.privacy import PrivacyConfig
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
    pools = [name for name, _ in routing_groups(mapping(values.get("router_settings")))]
    of_teams = [value_at(one, "model_info", "team_public_model_name") for one in items(values.get("model_list"))]
    has_database = value_at(values, "general_settings", "store_model_in_db") is True
    has_database = has_database or environ.get("STORE_MODEL_IN_DB", "").lower() == "true"
    elsewhere = ": it must be one of LiteLLM's database" if has_database else ""
    for section, named in (("privacy", config.privacy), ("guards", config.guards)):
        for name in named.models if named is not None else ():
            if models.find(name) is None and name not in of_teams and name not in pools:
                words = f"no entry of model_list is named so{did_you_mean(name, models.names)}{elsewhere}"
                yield RouteFinding(Problem((*SECTION, section, "models", name), words), is_warning=has_database)
    if config.privacy is not None:
        fallbacks = Fallbacks(values, models)
        yield from _check_unprotected_routes(config, config.privacy, models, fallbacks)
        yield from _check_choosing(config.privacy, fallbacks)
        yield from _check_stricter_fallbacks(Policies(config.privacy), models, fallbacks)
    if config.guards is not None and config.guards.audit_log and (base / config.guards.audit_log).is_dir():
        yield RouteFinding(Problem((*SECTION, "guards", "audit_log"), "is a folder; it must be a file"))


def _check_unprotected_routes(
    config: ThriftgateConfig, privacy: PrivacyConfig, models: ModelList, fallbacks: Fallbacks
) -> Iterator[RouteFinding]:
    """What nothing is looked for in goes to no model that is protected: a route's tiers fall back by themselves."""
    policies = Policies(privacy)
    for name, one in privacy.models.items():
        groups = () if one.protect else fallbacks.groups(name)
        routes = [route for group in groups for route in _routes_of(group, models) if route in config.routes]
        for tier in (tier.model for route in routes for tier in config.routes[route].cascade.tiers):
            for group in fallbacks.chosen(tier):
                if policies.policy_of(group) is not None:
                    words = (
                        f"its tier '{tier}' chooses among models, '{group}' among them, which would get every value in "
                        f"clear: take that one out, or say `protect: false` of '{group}' too"
                    )
                    yield RouteFinding(Problem((*SECTION, "privacy", "models", name, "protect"), words))
            for target, way in fallbacks.behind(tier).items():
                names = _answering(target, policies, fallbacks)
                if not names or policies.policy_of(*names) is not None:
                    words = (
                        f"its tier {_in_words(way)}, which would get every value in clear: "
                        f"take that fallback out, or say `protect: false` of '{target}' too"
                    )
                    yield RouteFinding(Problem((*SECTION, "privacy", "models", name, "protect"), words))


def _check_stricter_fallbacks(policies: Policies, models: ModelList, fallbacks: Fallbacks) -> Iterator[RouteFinding]:
    """A plain model's fallback whose policy is stricter is passed over, which is to be known before it is needed."""
    if not policies.differ:
        return
    for name in (*models.groups, *(one for one in models.aliases if policies.names(one))):
        groups = tuple(fallbacks.groups(name))
        if any(_routes_of(group, models) for group in groups):
            continue
        policy = policies.policy_of(*_answering(name, policies, fallbacks))
        passed_over: set[str] = set()
        for target, way in fallbacks.behind(name).items():
            there = _answering(target, policies, fallbacks)
            # What is behind one that is passed over is not come to.
            if passed_over.isdisjoint(way) and not all(policies.may_be_sent(policy, one) for one in there):
                passed_over.add(target)
                words = (
                    f"{_in_words(way)}, whose policy is stricter: what went through the policy of '{name}' is not sent "
                    "there, and that fallback is passed over"
                )
                yield RouteFinding(Problem((*SECTION, "privacy", "models"), words), is_warning=True)


def _answering(name: str, policies: Policies, fallbacks: Fallbacks) -> tuple[str, ...]:
    """By whose policies a name is judged: its own, where the operator says something of it, else its groups'.

    And by those of what may be chosen behind it.
    """
    own = (name,) if policies.names(name) else tuple(fallbacks.groups(name))
    return (*own, *fallbacks.chosen(name))


def _check_choosing(privacy: PrivacyConfig, fallbacks: Fallbacks) -> Iterator[RouteFinding]:
    """What chooses among models is no private one, and its policy is the strictest of theirs."""
    policies = Policies(privacy)
    for index, name in enumerate(privacy.private_models):
        if fallbacks.chosen(name):
            words = (
                f"'{name}' is no model but chooses among others: name the models that it may ask, as tiers of a route"
            )
            yield RouteFinding(Problem((*SECTION, "privacy", "private_models", index), words))
    for name in privacy.models:
        stricter = [one for one in fallbacks.chosen(name) if not policies.may_be_sent(policies.policy_of(name), one)]
        if stricter:
            have = "has" if len(stricter) == 1 else "have"
            words = (
                f"'{name}' chooses among models, of which {_listed(stricter)} {have} a stricter policy: "
                "that holds for all that is sent there"
            )
            yield RouteFinding(Problem((*SECTION, "privacy", "models", name), words), is_warning=True)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _routes_of(group: str, models: ModelList) -> tuple[str, ...]:
    found = models.groups.get(group)
    return found.routes if found is not None else ()


def _in_words(way: Sequence[str]) -> str:
    """From one to the next: 'home' falls back to 'small', 'small' to 'large'."""
    steps = [f"'{way[0]}' falls back to '{way[1]}'", *(f"'{one}' to '{other}'" for one, other in pairwise(way[1:]))]
    return ", ".join(steps)
