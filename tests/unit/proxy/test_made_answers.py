"""Which policy an answer was made under."""

from thriftgate.config.sections.guards import GuardsConfig
from thriftgate.proxy.guards.exchange import MadeAnswers
from thriftgate.services.guards.policies import GuardPolicies


def test_an_answers_policy_is_known_until_ten_thousand_others_were_made() -> None:
    policy = GuardPolicies(GuardsConfig()).policy_of("m")
    assert policy is not None
    made = MadeAnswers()
    made.note("first", policy, "m")
    assert made.made_under("first") == (policy, "m")
    assert made.made_under("other") is None
    for number in range(10_000):
        made.note(f"resp_{number}", policy, "m")
    assert made.made_under("first") is None
    assert made.made_under("resp_0") == (policy, "m")
