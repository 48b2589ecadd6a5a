"""Who the bearer of another issuer's token is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.identity.claims import Bearer, ClaimNames, bearer_of, identity_of_bearer
from thriftgate.identity.records import Grants, Role, ServiceClass, Team, User

NAMES = ClaimNames(
    user="sub", team="org.team", tier="https://issuer.example/tier", role="realm_access.roles",
    admin_values=("gateway-admin",), viewer_values=("gateway-viewer",),
)  # fmt: skip
CLAIMS: dict[str, Any] = {"sub": "ada", "org": {"team": "support"}, "https://issuer.example/tier": "gold"}
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["team", "roles", "sub"]), inner),
)


def test_claims_become_names() -> None:
    assert bearer_of(CLAIMS, NAMES) == Bearer(user_id="ada", team_id="support", tier="gold")


@pytest.mark.parametrize(
    ("roles", "role"),
    [(["gateway-admin", "x"], Role.ADMIN), ("x gateway-viewer", Role.VIEWER), (["y"], Role.CALLER), (7, Role.CALLER),
     (["gateway-viewer", "gateway-admin"], Role.ADMIN), ([["gateway-admin"]], Role.CALLER)],
)  # fmt: skip
def test_a_role_is_a_word_among_the_roles(roles: object, role: Role) -> None:
    bearer = bearer_of({**CLAIMS, "realm_access": {"roles": roles}}, NAMES)
    assert bearer is not None
    assert bearer.role is role


@pytest.mark.parametrize("user", [None, "", "x" * 201, 7, ["a", "b"], {"id": "ada"}])
def test_a_token_that_names_no_user_is_nobodys(user: object) -> None:
    assert bearer_of({**CLAIMS, "sub": user}, NAMES) is None


def test_a_token_without_its_team_does_not_escape_the_teams_budget() -> None:
    assert bearer_of({"sub": "ada"}, NAMES) is None
    assert bearer_of({"sub": "ada"}, ClaimNames()) == Bearer(user_id="ada")


@given(st.dictionaries(st.sampled_from(["sub", "org", "realm_access", "org.team"]), jsons))
def test_claims_of_any_shape_make_a_bearer_or_none(claims: dict[str, Any]) -> None:
    bearer = bearer_of(claims, NAMES)
    assert bearer is None or (bearer.user_id and bearer.team_id)


def test_what_is_kept_here_of_user_and_team_holds_for_a_bearer() -> None:
    user = User(user_id="ada", grants=Grants(tier="silver"))
    team = Team(team_id="support", grants=Grants(is_blocked=True))
    tiers = {"silver": ServiceClass(name="silver", models=("small",))}
    identity = identity_of_bearer(Bearer(user_id="ada", team_id="support", tier="gold"), user, team, tiers)
    assert identity.tier_name == "silver"
    assert [owner for owner, grants in identity.all_grants if grants.is_blocked] == ["team"]
