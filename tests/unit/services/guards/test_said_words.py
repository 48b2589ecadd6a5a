"""Words that must not be said, in what privacy has masked."""

from thriftgate.config.sections.guards import GuardsConfig
from thriftgate.guards.classifier import shipped_classifier
from thriftgate.services.guards.inspecting import ASKERS_OWN, GuardService
from thriftgate.services.guards.policies import GuardPolicies
from thriftgate.services.guards.said import Said


def service(**config: object) -> GuardService:
    policies = GuardPolicies(GuardsConfig.model_validate(config))
    return GuardService(
        policies, injection=lambda: shipped_classifier("injection"), toxicity=lambda: shipped_classifier("toxicity")
    )


async def test_a_word_that_must_not_be_said_is_found_though_it_was_taken_for_a_name() -> None:
    one = service(deny=[{"name": "rivals", "words": ["Acmezon"]}])
    policy = one.policies.policy_of("m")
    assert policy is not None
    hidden = Said("Is <PERSON_1> cheaper?", "user", written="Is Acmezon cheaper?")
    assert [found.finding.rule for found in (await one.request([hidden], policy)).found] == ["rivals"]
    parts = [Said("Is <PERSON_1>", "user", (0,), written="Is Acme"), Said("zon?", "user", (0,))]
    assert not (await one.request(parts, policy)).found
    whole = [Said("Is", "user", (0,)), Said("<PERSON_1>?", "user", (0,), written="Acmezon?")]
    assert {found.finding.rule for found in (await one.request(whole, policy)).found} == {"rivals"}
    assert not (await one.request([Said("Is <PERSON_1> cheaper?", "user")], policy)).found


async def test_in_an_answer_a_word_of_the_askers_own_is_told_from_one_of_the_models() -> None:
    one = service(deny=[{"name": "rivals", "words": ["Acmezon"]}])
    policy = one.policies.policy_of("m")
    assert policy is not None
    own = await one.answer("Ask <PERSON_1>.", policy, None, written="Ask Acmezon.")
    assert [(found.finding.rule, found.place) for found in own.found] == [("rivals", ASKERS_OWN)]
    models = await one.answer("Ask Acmezon, <PERSON_1>.", policy, None, written="Ask Acmezon, Anna.")
    assert [(found.finding.rule, found.place) for found in models.found] == [("rivals", "answer")]
