"""Which limits concern a request, and what a client reads of them."""

from typing import Any

import pytest

from thriftgate.config.sections.limits import LimitsConfig
from thriftgate.limits.bucket import TokenBucket
from thriftgate.services.limits.rules import (
    Arrival,
    Limited,
    Rules,
    limit_kind,
    request_too_large,
    scaled,
    spoken,
    standings,
)

ADA = Limited(key="k1", user="ada", team="acme", tier="pro")


def rules(*given: dict[str, Any], **config: Any) -> Rules:
    tiers = {"free": {}, "pro": {"weight": 4}}
    return Rules(LimitsConfig.model_validate({"rules": list(given), "tiers": tiers, **config}))


def arrival(asker: Limited = ADA, model: str = "support") -> Arrival:
    return Arrival("r", asker, model, prompt_bytes=100)


def names(given: Rules, asker: Limited = ADA, model: str = "support") -> tuple[str, ...]:
    return given.demand(arrival(asker, model), 100).names


@pytest.mark.parametrize(
    ("per", "of"),
    [("key", "k1"), ("user", "ada"), ("team", "acme"), ("tier", "pro"), ("route", "support"), ("gateway", "all")],
)
def test_a_rule_counts_for_each_of_what_it_is_per(per: str, of: str) -> None:
    assert names(rules({"per": per, "requests": {"per_minute": 60}})) == (f"requests|{per}|||{of}",)


def test_a_request_takes_one_ticket_its_tokens_and_a_place() -> None:
    given = rules(
        {"per": "key", "requests": {"per_minute": 60}, "tokens": {"per_minute": 6000, "burst": 500}, "parallel": 2}
    )
    demand = given.demand(arrival(), 123.0)
    assert [charge.n for charge in demand.charges] == [1.0, 123.0]
    assert [charge.bucket for charge in demand.charges] == [TokenBucket(60, 1), TokenBucket(500, 100)]
    assert demand.slots[0].most == 2


def test_rules_of_a_tier_or_a_model_concern_nobody_else() -> None:
    given = rules(
        {"per": "key", "tier": "free", "requests": {"per_minute": 1}},
        {"per": "key", "model": "other", "requests": {"per_minute": 2}},
        {"per": "team", "tier": "pro", "model": "support", "requests": {"per_minute": 3}},
    )
    assert names(given) == ("requests|team|pro|support|acme",)
    assert names(given, Limited(key="k2", tier="free"), "other") == ("requests|key|free||k2", "requests|key||other|k2")


def test_who_has_no_team_or_user_falls_under_no_rule_for_them_and_a_stranger_shares_one_key() -> None:
    given = rules(
        {"per": "team", "requests": {"per_minute": 1}},
        {"per": "user", "requests": {"per_minute": 1}},
        {"per": "key", "requests": {"per_minute": 1}},
    )
    assert names(given, Limited()) == ("requests|key|||anonymous",)


def test_a_tier_nobody_listed_is_the_default_one() -> None:
    given = rules({"per": "tier", "tier": "free", "requests": {"per_minute": 1}}, default_tier="free")
    assert names(given, Limited(key="k", tier="invented by a client")) == ("requests|tier|free||free",)
    assert given.tier(Limited()).weight == 1
    assert given.tier(ADA).weight == 4


def test_of_two_rules_for_the_same_bucket_the_stricter_one_holds() -> None:
    given = rules(
        {"per": "key", "requests": {"per_minute": 60, "burst": 5}, "parallel": 3},
        {"per": "key", "requests": {"per_minute": 30, "burst": 10}, "parallel": 2},
    )
    demand = given.demand(arrival(), 1)
    assert demand.charges[0].bucket == TokenBucket(5, 0.5)
    assert demand.slots[0].most == 2


def test_no_name_of_a_user_can_be_taken_for_another_limit() -> None:
    given = rules(
        {"per": "user", "requests": {"per_minute": 1}}, {"per": "user", "tier": "pro", "requests": {"per_minute": 1}}
    )
    plain = set(names(given, Limited(user="ada", tier="pro")))
    crafted = set(names(given, Limited(user="pro||ada"))) | set(names(given, Limited(user="|pro||ada", tier="pro")))
    assert not plain & crafted


@pytest.mark.parametrize(
    ("tenant", "asker", "expected"),
    [
        ("team", ADA, "team:acme"),
        ("user", ADA, "user:ada"),
        ("key", ADA, "key:k1"),
        ("team", Limited(key="k1"), "key:k1"),
        ("user", Limited(), "key:anonymous"),
    ],
)
def test_the_tenant_is_what_the_queue_is_fair_between(tenant: str, asker: Limited, expected: str) -> None:
    assert rules(queue={"tenant": tenant}).tenant(asker) == expected


def test_a_limit_is_spoken_of_without_naming_anybody() -> None:
    given = rules({"per": "team", "tokens": {"per_minute": 10}}, {"per": "gateway", "parallel": 1})
    tokens, places = names(given)
    assert spoken(tokens) == "tokens a minute for your team"
    assert spoken(places) == "requests at a time for all callers together"
    assert limit_kind(tokens) == ("tokens", "team")


def test_a_request_for_more_than_a_bucket_ever_holds_is_recognized() -> None:
    given = rules({"per": "key", "tokens": {"per_minute": 6000, "burst": 100}})
    assert request_too_large(given.demand(arrival(), 100)) is None
    charge = request_too_large(given.demand(arrival(), 101))
    assert charge is not None
    assert charge.n == 101


def test_a_fraction_of_the_limits_still_lets_a_large_request_pass_alone() -> None:
    given = rules({"per": "key", "tokens": {"per_minute": 6000}, "parallel": 3})
    demand = scaled(given.demand(arrival(), 3000), 0.25)
    assert demand.charges[0].bucket == TokenBucket(1500, 25)
    assert demand.charges[0].n == 1500
    assert demand.slots[0].most == 1


def test_standings_say_what_is_left_of_which_kind() -> None:
    given = rules({"per": "key", "requests": {"per_minute": 60}, "tokens": {"per_minute": 600}})
    found = standings(given.demand(arrival(), 1), (30.0, 300.0))
    assert [(one.dimension, one.limit, one.remaining, one.full_after) for one in found] == [
        ("requests", 60, 30, 30), ("tokens", 600, 300, 30),
    ]  # fmt: skip
