"""Who may do what: of a key, its user, its team and its tier the strictest holds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.identity.permission import (
    ALLOWED,
    CALLERS_ENDPOINTS,
    Allowed,
    Denial,
    Denied,
    Wish,
    is_good,
    is_match,
    models_of,
    permits,
)
from thriftgate.identity.records import Grants, Key, Role, ServiceClass, Team, User, identity_of_key

CHAT = "/v1/chat/completions"
KEY = Key(key_id="k", digest=bytes(32))
names = st.sampled_from(["small", "large", "support", "openai/x", "openai/y"])
patterns = st.none() | st.lists(st.sampled_from(["small", "large", "support", "openai/*", "*"])).map(tuple)


def denial(verdict: Allowed | Denied) -> Denial | None:
    return verdict.reason if isinstance(verdict, Denied) else None


Patterns = tuple[str, ...] | None


@given(st.lists(names, max_size=3).map(tuple), st.tuples(patterns, patterns, patterns, patterns))
def test_a_model_is_allowed_exactly_when_everybody_concerned_allows_it(
    models: tuple[str, ...], lists: tuple[Patterns, Patterns, Patterns, Patterns]
) -> None:
    of_key, of_user, of_team, of_tier = lists
    identity = identity_of_key(
        Key(key_id="k", digest=bytes(32), grants=Grants(models=of_key, tier="gold")),
        User(user_id="u", grants=Grants(models=of_user)),
        Team(team_id="t", grants=Grants(models=of_team)),
        {"gold": ServiceClass(name="gold", models=of_tier)},
    )
    fine = all(one is None or all(is_match(model, one) for model in models) for one in lists)
    assert isinstance(permits(identity, Wish(endpoint=CHAT, models=models)), Allowed) == fine
    assert (models_of(identity, models) == models) == fine


@pytest.mark.parametrize("who", ["key", "user", "team"])
def test_whoever_is_blocked_blocks(who: str) -> None:
    blocked = Grants(is_blocked=True)
    identity = identity_of_key(
        replace(KEY, grants=blocked if who == "key" else Grants()),
        User(user_id="u", grants=blocked if who == "user" else Grants()),
        Team(team_id="t", grants=blocked if who == "team" else Grants()),
        {},
    )
    verdict = permits(identity, Wish(endpoint=CHAT))
    assert verdict == Denied(Denial.BLOCKED, f"this {who} is blocked")
    assert not Denial.BLOCKED.is_stranger


@pytest.mark.parametrize(
    ("endpoint", "fine"),
    [(CHAT, True), ("/v1/models/small", True), ("/thriftgate/feedback", True), ("/v1/responses/resp_1", True),
     ("/key/generate", False), ("/thriftgate/cache/purge", False), ("/anthropic/v1/messages", False),
     ("/config/update", False), ("/v1/chat/completions/", False), ("/v1/messages/batches", False)],
)  # fmt: skip
def test_a_key_that_says_nothing_calls_models_and_no_administration(endpoint: str, fine: bool) -> None:
    identity = identity_of_key(KEY, None, None, {})
    assert denial(permits(identity, Wish(endpoint=endpoint))) == (None if fine else Denial.ENDPOINT)


def test_endpoints_that_are_granted_take_the_place_of_the_usual_ones() -> None:
    identity = identity_of_key(replace(KEY, grants=Grants(endpoints=("/anthropic/*",))), None, None, {})
    assert permits(identity, Wish(endpoint="/anthropic/v1/messages")) is ALLOWED
    assert denial(permits(identity, Wish(endpoint=CHAT))) is Denial.ENDPOINT


def test_a_team_without_endpoints_gives_its_keys_none() -> None:
    identity = identity_of_key(KEY, None, Team(team_id="t", grants=Grants(endpoints=())), {})
    assert denial(permits(identity, Wish(endpoint=CHAT))) is Denial.ENDPOINT


@pytest.mark.parametrize(
    ("role", "method", "fine"),
    [(Role.ADMIN, "POST", True), (Role.ADMIN, "GET", True), (Role.VIEWER, "GET", True), (Role.VIEWER, "HEAD", True),
     (Role.VIEWER, "POST", False), (Role.VIEWER, "DELETE", False), (Role.CALLER, "GET", False)],
)  # fmt: skip
def test_a_viewer_looks_at_administration_and_an_administrator_does_it(role: Role, method: str, fine: bool) -> None:
    identity = identity_of_key(replace(KEY, role=role), None, None, {})
    asked = Wish(endpoint="/thriftgate/cache/purge", method=method)
    assert isinstance(permits(identity, asked), Allowed) == fine


def test_no_endpoint_of_callers_is_one_of_administration() -> None:
    assert not [one for one in CALLERS_ENDPOINTS if one in ("*", "/*") or "key" in one or "config" in one]


@given(
    expires=st.none() | st.floats(0, 100),
    revoked=st.none() | st.floats(0, 100),
    previous_until=st.none() | st.floats(0, 100),
    now=st.floats(0, 100),
    digest=st.sampled_from([b"n" * 32, b"o" * 32, b"x" * 32]),
)
def test_a_key_is_good_while_it_is_neither_revoked_nor_expired_nor_replaced(
    expires: float | None, revoked: float | None, previous_until: float | None, now: float, digest: bytes
) -> None:
    key = Key(
        key_id="k", digest=b"n" * 32, expires_at=expires, revoked_at=revoked, previous_digest=b"o" * 32,
        previous_until=previous_until,
    )  # fmt: skip
    known = digest != b"x" * 32
    current = digest == b"n" * 32 or (previous_until is not None and now < previous_until)
    alive = revoked is None and (expires is None or now < expires)
    verdict = is_good(key, digest, now=now)
    assert isinstance(verdict, Allowed) == (known and current and alive)
    assert not isinstance(verdict, Denied) or verdict.reason.is_stranger


def test_a_key_without_a_rotation_is_not_opened_by_zeros() -> None:
    key = Key(key_id="k", digest=b"n" * 32, previous_until=100.0)
    assert denial(is_good(key, bytes(32), now=1.0)) is Denial.UNKNOWN


def test_the_tier_is_the_keys_own_then_its_users_then_its_teams() -> None:
    tiers = {"gold": ServiceClass(name="gold")}
    user = User(user_id="u", grants=Grants(tier="gold"))
    team = Team(team_id="t", grants=Grants(tier="bronze"))
    assert identity_of_key(KEY, user, team, tiers).tier == tiers["gold"]
    assert identity_of_key(KEY, None, team, tiers).tier_name == "bronze"
    assert identity_of_key(replace(KEY, grants=Grants(tier="x")), user, team, tiers).tier_name == "x"


def test_a_key_without_a_team_belongs_to_its_users() -> None:
    user = User(user_id="u", team_id="t")
    assert identity_of_key(replace(KEY, user_id="u"), user, None, {}).team_id == "t"
