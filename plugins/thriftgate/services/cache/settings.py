"""What a route's configuration means for its cache: how answers are shared, and what stays out.

Failure behaviour: an artefact that cannot be read counts by its name.
"""

import hashlib
from pathlib import Path

from thriftgate.caching.sharing.eligibility import EligibilitySettings
from thriftgate.caching.sharing.scope import ScopeSettings
from thriftgate.config import CacheConfig, RouteConfig
from thriftgate.wire.identity import IdentityRules, pattern

_ACCEPTANCE = {
    "accept_at", "max_quality_loss", "max_regressions", "delta", "tools", "signals", "second_sample", "judge",
    "unfamiliar",
}  # fmt: skip
"""What an accepted answer depends on, besides the tiers; one that is eased is not kept."""


def scoping_of(config: CacheConfig) -> ScopeSettings:
    """How the operator wants answers shared."""
    return ScopeSettings(tenant=config.tenant, share=config.share)


def rules_of(config: CacheConfig) -> IdentityRules:
    """What the operator says changes no answer. An answer that ended by itself fits every larger limit of length."""
    return IdentityRules(
        immaterial=tuple(map(pattern, config.immaterial)), history_turns=config.history_turns, max_tokens_apart=True
    )


def limits_of(config: CacheConfig) -> EligibilitySettings:
    """What the operator wants kept out of the cache."""
    return EligibilitySettings(max_temperature=config.max_temperature, time_sensitive=config.time_sensitive)


def tier_policy_of(route: RouteConfig, base_dir: Path | None = None) -> list[str]:
    """Everything that decides which model answers, and which answers are good enough; a part of every scope.

    Whoever raises the bar, calibrates again or enforces shapes is not served what was let through before: of the
    artefact, looked for from the folder `base_dir`, the content counts and not the name of its file. A shape itself
    stands in the request.
    """
    cascade = route.cascade
    accepts = cascade.model_dump_json(include=_ACCEPTANCE)
    shapes = "no shapes" if route.output is None else route.output.model_dump_json(include={"repair"})
    return [*(tier.model_dump_json() for tier in cascade.tiers), accepts, shapes, _content(cascade.artefact, base_dir)]


def _content(artefact: str | None, base_dir: Path | None) -> str:
    """The hash of an artefact's content; of one that cannot be read, its name: nothing is served by it anyhow."""
    if artefact is None:
        return "no artefact"
    try:
        return hashlib.sha256(((base_dir or Path()) / artefact).read_bytes()).hexdigest()
    except OSError:
        return artefact
