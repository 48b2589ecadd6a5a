"""Whether LiteLLM's own sections say what LiteLLM reads: known names, and fallbacks that lead somewhere.

LiteLLM ignores what it does not know, so a slip changes nothing and nobody is told.

Failure behaviour: nothing here raises; where LiteLLM's names are not known, none is called wrong.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.document import value_at
from thriftgate.config.environment import variable_of
from thriftgate.config.litellm import names as litellm_names
from thriftgate.config.litellm.kinds import LIST, NUMBER, SECTION
from thriftgate.config.litellm.model_list import FALLBACK_FIELDS, FALLBACK_SECTIONS, ModelList
from thriftgate.config.problems import KeyPath, Problem
from thriftgate.forms import describe, did_you_mean
from thriftgate.wire.shapes import items, mapping

_MOVED = ("health_check_interval", "health_check_concurrency")
_POLICIES = ("retry_policy", "allowed_fails_policy")
_ANY = "*"


def check_names(values: Mapping[str, Any]) -> Iterator[RouteFinding]:
    """Keys that LiteLLM does not read, where one it does read is close."""
    yield from _check_router(mapping(values.get("router_settings")))
    for section, known in (
        ("litellm_settings", litellm_names.litellm_settings()),
        ("general_settings", litellm_names.general_settings()),
    ):
        yield from _slips(mapping(values.get(section)), known, (section,))
    for index, entry in enumerate(items(values.get("model_list"))):
        where: KeyPath = ("model_list", index, "litellm_params")
        yield from _slips(mapping(value_at(entry, "litellm_params")), litellm_names.deployment_settings(), where)


def check_provider_names(values: Mapping[str, Any], models: ModelList) -> Iterator[RouteFinding]:
    """A provider that LiteLLM does not have, where one that it has is close: each call of such a model would fail."""
    listed = items(value_at(values, "litellm_settings", "custom_provider_map"))
    own = [mapping(entry).get("provider") for entry in listed]
    known = litellm_names.providers()
    for group in models.groups.values():
        for one in group.deployments:
            provider, slash, _ = one.model.partition("/")
            is_named = provider in known or provider in own or bool(one.params.get("custom_llm_provider"))
            if slash and known and not is_named:
                suggestion = did_you_mean(provider, known, cutoff=0.75)
                if suggestion:
                    words = f"LiteLLM has no provider '{provider}'{suggestion}"
                    yield RouteFinding(Problem((*one.path, "litellm_params", "model"), words))


def _check_router(settings: Mapping[str, Any]) -> Iterator[RouteFinding]:
    known = litellm_names.router_settings()
    for name in settings:
        where: KeyPath = ("router_settings", name)
        if name in _MOVED:
            yield RouteFinding(
                Problem(where, "stands in the wrong place: LiteLLM refuses it here; general_settings has it")
            )
        elif known and name not in known:
            words = f"LiteLLM knows no such setting and ignores it{did_you_mean(name, known)}"
            yield RouteFinding(Problem(where, words), is_warning=True)
        else:
            yield from _check_kind(settings[name], known.get(name, ""), where)
    yield from _check_strategy(settings)
    for policy in _POLICIES:
        for name in mapping(settings.get(policy)):
            names = litellm_names.policy_settings(policy)
            if names and name not in names:
                words = f"LiteLLM knows no such setting and ignores it{did_you_mean(name, names)}"
                yield RouteFinding(Problem(("router_settings", policy, name), words), is_warning=True)


def _check_kind(value: Any, declared: str, where: KeyPath) -> Iterator[RouteFinding]:
    """LiteLLM trusts what stands there, and breaks while it starts or with the first request."""
    kind = next((kind for kind in _KINDS if declared.startswith(kind)), None)
    if value is None or kind is None or variable_of(value) or (where[-1] in _CHECKED_APART):
        return
    accepts, words = _KINDS[kind]
    if not accepts(value):
        yield RouteFinding(Problem(where, f"must be {words}, not {describe(value)}"))


_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "int": NUMBER,
    "float": NUMBER,
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "list": LIST,
    "Sequence": LIST,
    "OptionalPreCallChecks": LIST,
    "dict": SECTION,
    "GenericBudgetConfigType": SECTION,
    "RetryPolicy": SECTION,
    "AllowedFailsPolicy": SECTION,
    "AlertingConfig": (lambda _value: False, "set in general_settings.alerting"),
}
_CHECKED_APART = (*FALLBACK_FIELDS, "default_fallbacks")


def _check_strategy(settings: Mapping[str, Any]) -> Iterator[RouteFinding]:
    known = litellm_names.routing_strategies()
    written = settings.get("routing_strategy")
    is_known = isinstance(written, str) and (written in known or bool(variable_of(written)))
    if known and "routing_strategy" in settings and not is_known:
        suggestion = did_you_mean(str(written), known)
        words = f"must be one of {', '.join(sorted(known))}, not {describe(written)}{suggestion}"
        yield RouteFinding(Problem(("router_settings", "routing_strategy"), words))


def check_aliases(values: Mapping[str, Any], models: ModelList) -> Iterator[RouteFinding]:
    """Each alias stands for a group that there is, or for another alias."""
    for name, alias in mapping(value_at(values, "router_settings", "model_group_alias")).items():
        target = models.aliases.get(name)
        if target is not None and target not in models.aliases and models.find(target) is None:
            words = f"no entry of model_list is named '{target}'{did_you_mean(target, models.names)}"
            yield RouteFinding(Problem(("router_settings", "model_group_alias", name), words))
        elif name in models.groups:
            words = f"stands before the group '{name}' of model_list, which nobody reaches any more"
            yield RouteFinding(Problem(("router_settings", "model_group_alias", name), words), is_warning=True)
        is_whole = isinstance(alias, Mapping) and {"model", "hidden"} <= set(mapping(alias))
        if not isinstance(alias, str) and not is_whole:
            words = f"must be a group's name, or {{model: its name, hidden: true}}, not {describe(alias)}"
            yield RouteFinding(Problem(("router_settings", "model_group_alias", name), words))


def _slips(section: Mapping[str, Any], known: frozenset[str], where: KeyPath) -> Iterator[RouteFinding]:
    """Only what looks like a slip: what is read elsewhere, or by a provider, is not ours to know."""
    for name in section:
        if name not in known and (suggestion := did_you_mean(name, known, cutoff=0.84)):
            words = f"LiteLLM knows no such setting{suggestion}"
            yield RouteFinding(Problem((*where, name), words), is_warning=True)


def check_fallbacks(values: Mapping[str, Any], models: ModelList) -> Iterator[RouteFinding]:
    """Fallbacks start and end at plain groups that exist, and do not lead back to where they began."""
    for section in FALLBACK_SECTIONS:
        for key in FALLBACK_FIELDS:
            where: KeyPath = (section, key)
            written = value_at(values, *where)
            if written is None:
                continue
            if not isinstance(written, list):
                words = f"must be a list such as [{{large: [small]}}], not {describe(written)}"
                yield RouteFinding(Problem(where, words))
                continue
            edges: dict[str, list[str]] = {}
            for index, entry in enumerate(items(written)):
                yield from _check_entry(entry, (*where, index), models, edges)
            yield from _check_cycles(edges, where)
        where = (section, "default_fallbacks")
        named = value_at(values, *where)
        if named is not None and not isinstance(named, list):
            yield RouteFinding(Problem(where, f"must be a list of groups, not {describe(named)}"))
        yield from _check_targets(items(named), where, models)


def _check_entry(entry: Any, where: KeyPath, models: ModelList, edges: dict[str, list[str]]) -> Iterator[RouteFinding]:
    pairs = list(mapping(entry).items())
    if len(pairs) != 1:
        words = f"must be one group with its fallbacks, as in {{large: [small]}}, not {describe(entry)}"
        yield RouteFinding(Problem(where, words))
        return
    name, targets = pairs[0]
    group = models.find(name)
    if group is not None and group.routes:
        words = (
            f"'{name}' is a route, and nothing falls back from a route's name: a route answers by itself. Give its "
            "tiers fallbacks, or its groups a second deployment"
        )
        yield RouteFinding(Problem((*where, name), words))
    elif group is None and name != _ANY:
        words = f"no entry of model_list is named '{name}', so this never happens{did_you_mean(name, models.names)}"
        yield RouteFinding(Problem((*where, name), words))
    if not isinstance(targets, list):
        yield RouteFinding(Problem((*where, name), f"must be a list of groups, not {describe(targets)}"))
        return
    edges.setdefault(models.aliases.get(name, name), []).extend(
        models.aliases.get(target, target) for target in items(targets) if isinstance(target, str)
    )
    yield from _check_targets(items(targets), (*where, name), models)


def _check_targets(targets: Iterable[Any], where: KeyPath, models: ModelList) -> Iterator[RouteFinding]:
    for index, target in enumerate(targets):
        if not isinstance(target, str):
            continue  # LiteLLM takes whole requests here as well
        group = models.find(target)
        if group is None:
            words = f"no entry of model_list is named '{target}'{did_you_mean(target, models.names)}"
            yield RouteFinding(Problem((*where, index), words))
        elif group.routes:
            words = (
                f"'{target}' is a route; a plain group falls back to plain groups, else requests could go in circles"
            )
            yield RouteFinding(Problem((*where, index), words))


def _check_cycles(edges: Mapping[str, list[str]], where: KeyPath) -> Iterator[RouteFinding]:
    """Each circle once, at the first group of the file that is in it."""
    said: set[frozenset[str]] = set()
    for start in edges:
        circle = _circle(edges, start)
        if circle and frozenset(circle) not in said:
            said.add(frozenset(circle))
            words = f"goes in a circle: {' > '.join([*circle, circle[0]])}; when all are down, each is asked again"
            yield RouteFinding(Problem(where, words), is_warning=True)


def _circle(edges: Mapping[str, list[str]], start: str) -> list[str]:
    """A way from `start` back to it; empty where there is none."""
    pending, seen = [[start]], {start}
    while pending:
        way = pending.pop()
        for target in edges.get(way[-1], ()):
            if target == start:
                return way
            if target not in seen:
                seen.add(target)
                pending.append([*way, target])
    return []
