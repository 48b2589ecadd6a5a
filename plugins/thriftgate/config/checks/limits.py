"""Whether limits name tiers and models that exist, and limit what they mean to.

Failure behaviour: nothing here raises.
"""

from collections.abc import Iterator

from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.litellm.model_list import ModelList
from thriftgate.config.problems import SECTION, KeyPath, Problem
from thriftgate.config.sections.identity import IdentityConfig
from thriftgate.config.sections.limits import LimitsConfig
from thriftgate.forms import did_you_mean

_LIMITS: KeyPath = (*SECTION, "limits")
ANY = "*"


def check_limits(
    limits: LimitsConfig | None, models: ModelList, identity: IdentityConfig | None = None
) -> Iterator[RouteFinding]:
    """A misspelt name would limit nobody, unseen."""
    if limits is None:
        return
    if identity is not None and identity.tiers and limits.tiers:
        yield from _compare_tiers(limits, identity)
    yield from _check_tiers(limits)
    for index, rule in enumerate(limits.rules):
        if rule.model is not None:
            yield from _check_model(rule.model, (*_LIMITS, "rules", index, "model"), models)
    for name in limits.concurrency:
        if name != ANY:
            yield from _check_model(name, (*_LIMITS, "concurrency", name), models)
    if limits.ladder is not None:
        yield from _check_ladder(limits)


def _check_tiers(limits: LimitsConfig) -> Iterator[RouteFinding]:
    named: list[tuple[KeyPath, str]] = [
        ((*_LIMITS, "rules", index, "tier"), rule.tier) for index, rule in enumerate(limits.rules) if rule.tier
    ]
    if limits.default_tier is not None:
        named.append(((*_LIMITS, "default_tier"), limits.default_tier))
    for where, tier in named:
        if tier not in limits.tiers:
            words = f"there is no tier '{tier}' under limits.tiers{did_you_mean(tier, limits.tiers)}"
            yield RouteFinding(Problem(where, words))
    if limits.queue is None:
        for name, tier in limits.tiers.items():
            for setting in sorted({"weight", "deferrable", "max_wait"} & tier.model_fields_set):
                where = (*_LIMITS, "tiers", name, setting)
                yield RouteFinding(Problem(where, "says how requests wait, and nothing waits without limits.queue"))


def _compare_tiers(limits: LimitsConfig, identity: IdentityConfig) -> Iterator[RouteFinding]:
    """Tiers have what they may do under `identity` and how much of it under `limits`, by the same names."""
    known: KeyPath = (*SECTION, "identity")
    for name in limits.tiers:
        if name not in identity.tiers:
            words = f"identity.tiers has no '{name}', so it limits nobody{did_you_mean(name, identity.tiers)}"
            yield RouteFinding(Problem((*_LIMITS, "tiers", name), words), is_warning=True)
    for name in identity.tiers:
        if name not in limits.tiers:
            default = limits.default_tier
            instead = f"counts its callers as '{default}'" if default else "has nothing of its own for its callers"
            words = f"limits.tiers has no '{name}' and {instead}{did_you_mean(name, limits.tiers)}"
            yield RouteFinding(Problem((*known, "tiers", name), words), is_warning=True)
    own, other = limits.default_tier, identity.default_tier
    if own and other in limits.tiers and other != own:
        words = f"has no effect on keys of ours: identity.default_tier puts whoever has none into '{other}'"
        yield RouteFinding(Problem((*_LIMITS, "default_tier"), words), is_warning=True)


def _check_model(name: str, where: KeyPath, models: ModelList) -> Iterator[RouteFinding]:
    group = models.find(name)
    if group is None:
        words = f"no entry of model_list is named '{name}'{did_you_mean(name, models.names)}"
        yield RouteFinding(Problem(where, words))
    elif group.routes and name not in group.routes:
        words = f"'{name}' leads to a route: limits count by the route's own name, '{group.routes[0]}'"
        yield RouteFinding(Problem(where, words))
    elif name in models.aliases:
        words = f"'{name}' is an alias: limits count by the name behind it, '{models.aliases[name]}'"
        yield RouteFinding(Problem(where, words))


def _check_ladder(limits: LimitsConfig) -> Iterator[RouteFinding]:
    where = (*_LIMITS, "ladder")
    if not limits.concurrency:
        words = "nothing drives it: the load is measured against limits.concurrency, which is not set"
        yield RouteFinding(Problem(where, words))
    if limits.ladder and "shed" in limits.ladder.steps and not any(tier.sheddable for tier in limits.tiers.values()):
        words = "'shed' would refuse nobody: no tier under limits.tiers is sheddable"
        yield RouteFinding(Problem((*where, "steps"), words))
