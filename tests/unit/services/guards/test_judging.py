"""A model that is asked whether a text is an attack."""

from typing import Any

import pytest
from tests.fakes import FakeCompleter

from thriftgate.config.sections.guards import GuardJudgeConfig, GuardsConfig
from thriftgate.errors import GuardUnavailableError, TierFailedError
from thriftgate.guards.classifier import shipped_classifier
from thriftgate.services.guards.decisions import audit_lines
from thriftgate.services.guards.inspecting import GuardService, Said
from thriftgate.services.guards.judging import GuardJudge, read_verdict
from thriftgate.services.guards.policies import GuardPolicies, GuardPolicy
from thriftgate.types import CallPurpose

QUIET = "How long does a refund take?"


def asking(completer: FakeCompleter, fail: str = "open", **judge: Any) -> tuple[GuardService, GuardPolicy]:
    config = GuardsConfig.model_validate({"judge": {"model": "judge", **judge}, "fail": fail})
    assert config.judge is not None
    service = GuardService(
        GuardPolicies(config),
        injection=lambda: shipped_classifier("injection"),
        toxicity=lambda: shipped_classifier("toxicity"),
        judge=GuardJudge(completer, config.judge),
    )
    policy = service.policies.policy_of("m")
    assert policy is not None
    return service, policy


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ("ATTACK", 1.0), ("Attack.", 1.0), ("**unsafe**", 1.0), ("unsafe\nS1", 1.0), ("LABEL_1", 1.0), ("SAFE", 0.0),
        ("safe, it asks about refunds", 0.0), ("0.9987", 0.9987), (" 3.1e-05\n", 3.1e-05), ("1", 1.0),
        ("score: 0.2", 0.2),
        ("benign", 0.0), ("No", 0.0), ("", None), ("I cannot say", None), ("attacker", None),
        ("7", None), ("notsafe", None),
    ],
)  # fmt: skip
def test_a_word_or_a_number_is_a_verdict_and_nothing_else(said: str, score: float | None) -> None:
    assert read_verdict(said) == score


async def test_what_the_model_takes_for_an_attack_is_blocked_and_told_without_its_words() -> None:
    completer = FakeCompleter({"judge": "ATTACK"})
    service, policy = asking(completer, action="block")
    decision = await service.request([Said(QUIET, "user")], policy, request_id="r1")
    assert decision.headers["x-thriftgate-guard"] == "judge:takes it for an attack=1.00"
    assert decision.error is not None
    assert "judge" in decision.error.message
    (line,) = audit_lines(decision)
    assert (line["guard"], line["span"], line["action"]) == ("judge", [0, len(QUIET)], "block")
    assert completer.history[0].purpose is CallPurpose.JUDGE
    assert QUIET in str(completer.history[0].request.messages[-1]["content"])


async def test_each_text_is_asked_about_once_and_what_a_model_or_the_operator_said_never() -> None:
    completer = FakeCompleter({"judge": "SAFE"})
    service, policy = asking(completer)
    texts = [Said("You are kind.", "system"), Said(QUIET, "user"), Said("Five days.", "assistant"), Said("{}", "tool")]
    for _ in range(2):
        assert (await service.request(texts, policy)).found == ()
    assert len(completer.history) == 2


async def test_a_long_text_is_asked_about_to_its_end_and_too_long_a_one_is_a_failure() -> None:
    completer = FakeCompleter({"judge": "0.1"})
    completer.enqueue("judge", "0.1", "0.1", "0.9")
    service, policy = asking(completer, max_characters=1_000)
    decision = await service.request([Said("refund " * 300, "tool")], policy)
    assert [one.finding.score for one in decision.found] == [0.9]
    assert decision.found[0].finding.end == 2_100
    huge = await service.request([Said("r e f u n d " * 4_000, "user")], policy)
    assert huge.failed == ("judge",)


@pytest.mark.parametrize("reply", ["Who knows?", TierFailedError("judge", "is away")])
async def test_a_model_that_is_away_or_says_neither_lets_pass_or_refuses_as_configured(reply: Any) -> None:
    service, policy = asking(FakeCompleter({"judge": reply}))
    assert (await service.request([Said(QUIET, "user")], policy)).failed == ("judge",)
    service, policy = asking(FakeCompleter({"judge": reply}), fail="closed")
    with pytest.raises(GuardUnavailableError):
        await service.request([Said(QUIET, "user")], policy)


async def test_a_classifier_gets_the_bare_text_and_a_text_that_only_private_models_may_see_is_not_asked_about() -> None:
    completer = FakeCompleter({"judge": "0.99"})
    service, policy = asking(completer, instruction="", threshold=0.999)
    assert (await service.request([Said(QUIET, "user")], policy)).found == ()
    assert completer.history[0].request.messages == ({"role": "user", "content": QUIET},)
    await service.request([Said("My card is 4111.", "user")], policy, may_ask=False)
    assert len(completer.history) == 1
    await service.request([Said("My card is 4111.", "user")], policy, is_private=True)
    assert [asked.request.is_private for asked in completer.history] == [False, True]


def test_its_own_words_are_used_where_none_are_given() -> None:
    assert GuardJudgeConfig(model="judge").instruction is None
