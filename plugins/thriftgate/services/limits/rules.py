"""Which limits concern a request, from the configuration and from who asks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from thriftgate.config.sections.limits import LimitsConfig, RateConfig, RuleConfig, TierPriorityConfig
from thriftgate.limits.bucket import TokenBucket
from thriftgate.limits.demand import Charge, Demand, Slot
from thriftgate.limits.headers import LimitStanding

_UNLISTED = TierPriorityConfig()
NOBODY = "anonymous"


@dataclass(frozen=True, slots=True)
class Limited:
    """Who asks, as far as limits are concerned; what is unknown is None."""

    key: str | None = None
    """The key's hash, never the key."""
    user: str | None = None
    team: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that comes in, before anything is known of its answer."""

    id: str
    asker: Limited
    model: str
    """What the client calls: a route or a plain model."""
    prompt_bytes: int
    max_completion: int | None = None
    """Tokens that an answer may have at most, if the client said so."""
    choices: int = 1
    is_prepared: bool = False
    """It says itself when its models are asked, and when they have answered."""


class Rules:
    """The limits of a configuration."""

    def __init__(self, config: LimitsConfig) -> None:
        self._config = config

    def tier_name(self, asker: Limited) -> str | None:
        """The tier that counts: the key's own where it is listed, else the default."""
        return asker.tier if asker.tier in self._config.tiers else self._config.default_tier

    def tier(self, asker: Limited) -> TierPriorityConfig:
        """How requests of this caller are treated."""
        return self._config.tiers.get(self.tier_name(asker) or "", _UNLISTED)

    def tenant(self, asker: Limited) -> str:
        """Whose turn it is when this caller is served."""
        kind = self._config.queue.tenant if self._config.queue else "team"
        name = {"team": asker.team, "user": asker.user, "key": asker.key}[kind]
        if name is not None:
            return f"{kind}:{name}"
        return f"key:{asker.key or NOBODY}"

    def demand(self, arrival: Arrival, tokens: float) -> Demand:
        """Everything that the request takes; `tokens` are estimated."""
        charges: dict[str, Charge] = {}
        slots: dict[str, Slot] = {}
        for rule, name in self._concerning(arrival):
            if rule.requests is not None:
                _put(charges, Charge(f"requests|{name}", _bucket(rule.requests), 1.0))
            if rule.tokens is not None:
                _put(charges, Charge(f"tokens|{name}", _bucket(rule.tokens), tokens))
            if rule.parallel is not None:
                held = slots.get(name)
                slots[name] = Slot(f"parallel|{name}", min(rule.parallel, held.most if held else rule.parallel))
        return Demand(arrival.id, tuple(charges.values()), tuple(slots.values()))

    def _concerning(self, arrival: Arrival) -> Iterable[tuple[RuleConfig, str]]:
        asker, tier = arrival.asker, self.tier_name(arrival.asker)
        for rule in self._config.rules:
            if (rule.tier is not None and rule.tier != tier) or (
                rule.model is not None and rule.model != arrival.model
            ):
                continue
            of = {
                "key": asker.key or NOBODY, "user": asker.user, "team": asker.team, "tier": tier,
                "route": arrival.model, "gateway": "all",
            }[rule.per]  # fmt: skip
            if of is not None:
                # Without the rule's place in the list: workers that are reloaded one by one share their limits.
                # What a client may have chosen comes last: it cannot be taken for anything else.
                yield rule, f"{rule.per}|{rule.tier or ''}|{rule.model or ''}|{of}"


def _put(charges: dict[str, Charge], charge: Charge) -> None:
    """Of two rules that mean the same bucket the stricter one holds."""
    held = charges.get(charge.name)
    if held is not None:
        bucket = TokenBucket(
            min(held.bucket.capacity, charge.bucket.capacity),
            min(held.bucket.refill_per_second, charge.bucket.refill_per_second),
        )
        charge = replace(charge, bucket=bucket)
    charges[charge.name] = charge


def _bucket(rate: RateConfig) -> TokenBucket:
    return TokenBucket(rate.capacity, rate.per_minute / 60)


def request_too_large(demand: Demand) -> Charge | None:
    """A charge that could never be granted, because it is more than its bucket holds."""
    return next((charge for charge in demand.charges if charge.n > charge.bucket.capacity), None)


def standings(demand: Demand, remaining: Sequence[float]) -> list[LimitStanding]:
    """How the buckets stand, for the client."""
    return [
        LimitStanding(
            "requests" if charge.name.startswith("requests|") else "tokens",
            charge.bucket.capacity, left, charge.bucket.full_after(left),
        )
        for charge, left in zip(demand.charges, remaining, strict=True)
    ]  # fmt: skip


def spoken(limit: str) -> str:
    """A limit as a client may read it: what is counted and for whom, without naming anybody."""
    counted, per = limit_kind(limit)
    what = {"requests": "requests a minute", "tokens": "tokens a minute", "parallel": "requests at a time"}[counted]
    whom = {"gateway": "all callers together", "route": "this model"}.get(per, f"your {per}")
    return f"{what} for {whom}"


def limit_kind(limit: str) -> tuple[str, str]:
    """What a limit counts and for whom, as fixed words for metrics."""
    counted, _, rest = limit.partition("|")
    return counted, rest.partition("|")[0]


def scaled(demand: Demand, fraction: float) -> Demand:
    """The same demand of limits that are a fraction as large; what no longer fits takes the whole bucket."""
    charges = tuple(
        replace(
            charge,
            bucket=TokenBucket(charge.bucket.capacity * fraction, charge.bucket.refill_per_second * fraction),
            n=min(charge.n, charge.bucket.capacity * fraction),
        )
        for charge in demand.charges
    )
    slots = tuple(replace(slot, most=max(1, int(slot.most * fraction))) for slot in demand.slots)
    return Demand(demand.id, charges, slots)
