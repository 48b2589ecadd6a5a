"""Audits of the cascade: drawn whatever the answer looked like, judged beside the request, booked in the ledger."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes import FakeClock, FakeCompleter, FakeEmbedder, MemoryLedger, answer_of, ask, failure

from thriftgate.cascade.flow import Outcome, RejectedAnswer, Scored, Tier
from thriftgate.decisions import Reason
from thriftgate.services.checking.audit import CascadeAuditor
from thriftgate.services.checking.judges import AgreementJudge, ModelJudge
from thriftgate.services.request.background import BackgroundTasks
from thriftgate.services.request.budget import RateBudget
from thriftgate.types import Audit, AuditKind, CallPurpose, DecisionKind

CHEAP = answer_of("five days", model="small")
ACCEPTED = Outcome(
    answer=CHEAP, tier=Tier("small", 0.7), decision=DecisionKind.ACCEPTED, reason=Reason.CONFIDENT,
    confidence=0.9, signals={"logprob_mean": -0.1},
)  # fmt: skip
ESCALATED = Outcome(
    answer=answer_of("five days", model="large"), tier=Tier("large"), decision=DecisionKind.ESCALATED,
    reason=Reason.BELOW_THRESHOLD, confidence=0.4,
    rejected=(RejectedAnswer(Tier("small", 0.7), CHEAP, Scored(confidence=0.4, signals={"hedges": 1.0})),),
)  # fmt: skip


class Setup:
    """An auditor with everything around it."""

    def __init__(self, *, share: float = 1.0, max_per_minute: int = 10) -> None:
        self.clock = FakeClock()
        self.completer = FakeCompleter()
        self.ledger = MemoryLedger()
        self.background = BackgroundTasks()
        self.auditor = CascadeAuditor(
            route="support",
            strongest="large",
            share=share,
            completer=self.completer,
            judge=ModelJudge(self.completer, "judge", self.clock),
            book=self.ledger,
            budget=RateBudget(share=1, max_per_minute=max_per_minute, clock=self.clock, draw=lambda: 0.0),
            background=self.background,
            clock=self.clock,
        )

    async def audits(self) -> list[Audit]:
        await self.background.drain()
        return list(await self.ledger.audits(route="support", kind=AuditKind.CASCADE))


async def test_an_accepted_answer_is_compared_with_the_strongest_tiers() -> None:
    setup = Setup()
    setup.completer.enqueue("large", "nine days")
    setup.completer.enqueue("judge", "DIFFERENT")
    setup.auditor.after(ask(), ACCEPTED)
    (audit,) = await setup.audits()
    assert (audit.is_acceptable, audit.tier, audit.score, audit.holdout) == (False, "small", 0.9, True)
    assert audit.details["is_accepted"] is True
    assert audit.details["signals"] == {"logprob_mean": -0.1}
    assert [asked.purpose for asked in setup.completer.history] == [CallPurpose.AUDIT, CallPurpose.JUDGE]


async def test_a_judge_that_refuses_our_parameters_is_asked_without_them() -> None:
    setup = Setup()
    setup.completer.enqueue("large", "nine days")
    setup.completer.enqueue("judge", "SAME")
    setup.auditor.after(ask(), ACCEPTED)
    await setup.audits()
    judged = setup.completer.history[-1].request
    assert judged.added == set(judged.params) == {"temperature", "max_tokens"}


def ranking(setup: Setup) -> ModelJudge:
    return ModelJudge(setup.completer, "judge", setup.clock, ranks=True)


async def test_a_judge_that_ranks_tells_what_got_better_whichever_answer_it_is_shown_first() -> None:
    setup, firsts = Setup(), set[bool]()
    for number in range(12):
        setup.completer.enqueue("judge", "FIRST", "SECOND")
        for words in ("FIRST", "SECOND"):
            found = await ranking(setup).compare(replace(ask("How long?"), request_id=f"r{number}"), "five", "nine")
            shown = json.loads(setup.completer.history[-1].request.messages[-1]["content"])
            is_better = shown["answer_1" if words == "FIRST" else "answer_2"] == "five"
            assert (found.is_acceptable, found.is_better) == (is_better, is_better)
            assert shown["question"] == "How long?"
            firsts.add(shown["answer_1"] == "five")
    assert firsts == {True, False}


@pytest.mark.parametrize(
    ("words", "is_acceptable", "is_better"),
    [("Same.", True, False), ("DIFFERENT", False, False), ("neither", None, None), (failure("judge"), None, None)],
)
async def test_of_equal_answers_none_is_better_and_one_that_is_only_called_different_is_not_better_either(
    words: Any, is_acceptable: bool | None, is_better: bool | None
) -> None:
    setup = Setup()
    setup.completer.enqueue("judge", words)
    found = await ranking(setup).compare(ask(), "five days", "nine days")
    assert (found.is_acceptable, found.is_better) == (is_acceptable, is_better)


async def test_which_answer_is_better_is_kept_with_the_audit_where_the_judge_says_it() -> None:
    setup = Setup()
    setup.auditor = replace(setup.auditor, judge=ranking(setup))
    setup.completer.enqueue("judge", "SAME", "DIFFERENT")
    setup.auditor.after(ask(), ESCALATED)
    setup.auditor.after(replace(ask(), request_id="r2"), ESCALATED)
    same, different = await setup.audits()
    assert (same.is_acceptable, same.details["is_better"]) == (True, False)
    assert (different.is_acceptable, different.details["is_better"]) == (False, False)


async def test_an_escalated_request_has_both_answers_and_costs_no_reference() -> None:
    setup = Setup()
    setup.completer.enqueue("judge", "SAME")
    setup.auditor.after(ask(), ESCALATED)
    (audit,) = await setup.audits()
    assert (audit.is_acceptable, audit.tier, audit.score, audit.cost_usd) == (True, "small", 0.4, 0.0)
    assert audit.details["is_accepted"] is False
    assert setup.completer.models == ["judge"]


async def test_nothing_that_was_said_is_in_an_audit() -> None:
    setup = Setup()
    setup.completer.enqueue("judge", "SAME")
    setup.auditor.after(ask("my secret word is xylophone"), ESCALATED)
    (audit,) = await setup.audits()
    assert "xylophone" not in repr(audit)
    assert "five days" not in repr(audit)


@pytest.mark.parametrize("reply", ["perhaps", failure("judge")])
async def test_a_judge_that_cannot_tell_leaves_the_verdict_open(reply: Any) -> None:
    setup = Setup()
    setup.completer.enqueue("judge", reply)
    setup.auditor.after(ask(), ESCALATED)
    (audit,) = await setup.audits()
    assert audit.is_acceptable is None


async def test_a_reference_that_does_not_come_is_one_audit_less_and_no_error() -> None:
    setup = Setup()
    setup.completer.enqueue("large", failure("large"))
    setup.auditor.after(ask(), ACCEPTED)
    assert await setup.audits() == []
    assert not setup.background.failures


async def test_an_audit_costs_its_reference_and_its_judge() -> None:
    setup = Setup()
    setup.completer.enqueue("large", answer_of("nine days", model="large", cost_usd=0.03))
    setup.completer.enqueue("judge", *[answer_of("DIFFERENT", model="judge", cost_usd=0.01)] * 2)
    setup.auditor.after(ask(), ACCEPTED)
    setup.auditor.after(replace(ask(), request_id="r2"), ESCALATED)
    accepted, escalated = await setup.audits()
    assert accepted.cost_usd == pytest.approx(0.04)
    assert escalated.cost_usd == pytest.approx(0.01)
    assert accepted.details["reference_cost_usd"] == 0.03


async def test_a_minute_with_many_requests_leaves_out_as_many_rejected_answers_as_accepted_ones() -> None:
    setup = Setup(max_per_minute=4)
    setup.completer.enqueue("large", *["five days"] * 10)
    setup.completer.enqueue("judge", *["SAME"] * 20)
    for index in range(10):
        setup.auditor.after(replace(ask(), request_id=f"a{index}"), ACCEPTED)
        setup.auditor.after(replace(ask(), request_id=f"e{index}"), ESCALATED)
    assert [audit.details["is_accepted"] for audit in await setup.audits()] == [True, False, True, False]


async def test_no_more_references_are_bought_in_a_minute_than_the_budget_allows() -> None:
    setup = Setup(max_per_minute=2)
    setup.completer.enqueue("large", *["five days"] * 5)
    setup.completer.enqueue("judge", *["SAME"] * 5)
    for index in range(5):
        setup.auditor.after(replace(ask(), request_id=f"r{index}"), ACCEPTED)
    assert len(await setup.audits()) == 2


async def test_the_share_is_drawn_by_the_requests_id_not_by_its_answer() -> None:
    setup = Setup(share=0.2, max_per_minute=1000)
    drawn = [f"r{index}" for index in range(500)]
    setup.completer.enqueue("judge", *["SAME"] * 500)
    for request_id in drawn:
        setup.auditor.after(replace(ask(), request_id=request_id), ESCALATED)
    audited = {audit.request_id for audit in await setup.audits()}
    assert 60 <= len(audited) <= 140


async def test_agreement_is_judged_without_a_call() -> None:
    embedder = FakeEmbedder()
    embedder.place("Your refund would take five days.", near="Your refund takes 5 days.", cosine=0.96)
    embedder.place("Your refund takes 9 days.", near="Your refund takes 5 days.", cosine=0.96)
    embedder.place("Try the app.", near="Your refund takes 5 days.", cosine=0.7)
    embedder.place("Ask for the newest list of prices.", near="Your refund takes 5 days.", cosine=0.2)
    judge = AgreementJudge(embedder)
    verdicts = [
        (await judge.compare(ask(), text, "Your refund takes 5 days.")).is_acceptable
        for text in (
            "Your refund takes 5 days.",
            "Your refund would take five days.",
            "Your refund takes 9 days.",
            "Try the app.",
            "Ask for the newest list of prices.",
        )
    ]
    assert verdicts == [True, True, False, None, False]
