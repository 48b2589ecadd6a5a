"""Which policy holds for a request, and where what went through it may be sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.config.privacy_policies import Policies
from thriftgate.config.sections.privacy import PrivacyConfig
from thriftgate.privacy.policy import Action, PrivacyPolicy, strictest

KEY = "a-key-that-is-long-enough-for-a-test"
KINDS = ("PERSON", "CREDIT_CARD")


def policies(**section: Any) -> Policies:
    return Policies(PrivacyConfig.model_validate({"key": KEY, **section}))


ANY = st.builds(
    PrivacyPolicy,
    st.dictionaries(st.sampled_from(KINDS), st.sampled_from(list(Action))),
    st.dictionaries(st.sampled_from(KINDS), st.sampled_from([0.2, 0.9])),
    st.sampled_from([0.3, 0.6]),
    st.frozensets(st.sampled_from(["ada", "bea"])),
    st.lists(st.sampled_from([("PERSON", "cyn"), ("PERSON", "dot")]), max_size=2),
    st.none() | st.frozensets(st.sampled_from(["de", "en"])),
)


@given(st.lists(ANY, min_size=1, max_size=3))
def test_the_strictest_of_several_policies_keeps_each_of_them(several: list[PrivacyPolicy]) -> None:
    assert all(strictest(several).keeps(one) for one in several)


@pytest.mark.parametrize(
    ("different", "is_kept"),
    [
        ({}, True),
        ({"entities": {"PERSON": "allow"}}, True),
        ({"entities": {"PERSON": "mask"}}, False),
        ({"entities": {"CREDIT_CARD": "block"}}, False),
        ({"min_score": 0.1}, False),
        ({"min_score": 0.9}, True),
        ({"languages": ["de"]}, True),
        ({"protect": False}, True),
    ],
)
def test_what_went_through_a_policy_is_sent_only_where_no_stricter_one_holds(
    different: dict[str, Any], is_kept: bool
) -> None:
    one = policies(models={"other": different})
    assert one.may_be_sent(one.policy_of("any"), "other") is is_kept


def test_what_is_not_looked_through_goes_nowhere_else() -> None:
    assert not policies().differ, "a request may be sent to any model"
    one = policies(models={"home": {"protect": False}, "shed": {"protect": False}})
    assert one.differ
    assert one.policy_of("home") is None
    assert one.may_be_sent(None, "shed")
    assert not one.may_be_sent(None, "cloud")
    both = one.policy_of("home", "cloud")
    assert both is not None
    assert both.actions["PERSON"] is Action.PSEUDONYMIZE
    assert one.policy_of("home", "shed") is None


def test_a_model_that_asks_for_nothing_takes_nothing_from_what_another_lets_through() -> None:
    """Its empty list of allowed values, and a score that nobody wrote, held for both."""
    one = policies(models={"home": {"protect": False}}, min_score=0.9, allow=["Ada"])
    assert one.policy_of("home", "cloud") == one.policy_of("cloud")


def test_kinds_of_ones_own_are_taken_out_where_nothing_is_said_of_them() -> None:
    brought: dict[str, Any] = {
        "recognizers": [{"entity": "TICKET", "patterns": ["T-[0-9]+"]}], "deny": {"PROJECT": ["Blue Heron"]},
        "name_models": [{"spacy": "x", "languages": ["en"], "labels": {"ORG": "FIRM", "PER": "PERSON"}}],
    }  # fmt: skip
    actions = policies(**brought, entities={"EMAIL_ADDRESS": "mask", "FIRM": "allow"}).policy_of("any")
    assert actions is not None
    assert actions.actions == {
        "TICKET": Action.PSEUDONYMIZE, "PROJECT": Action.PSEUDONYMIZE, "FIRM": Action.ALLOW,
        "EMAIL_ADDRESS": Action.MASK,
    }  # fmt: skip
    assert list(actions.deny) == [("PROJECT", "Blue Heron")]
