"""What an audit finds out about an accepted answer, and what becomes of the copy in the cache."""

from typing import Any

import pytest
from tests.fakes import Reply, answer_of, ask, failure, settle
from tests.route_setup import STRONG, SURE, RouteSetup

from thriftgate.types import AuditKind, CallPurpose, Choice, DecisionKind

ALWAYS = {"share": 1.0, "judge": "judge"}


async def audited(setup: RouteSetup, verdict: Reply, *, reference: Reply = STRONG) -> None:
    """One accepted answer, which the judge compares with the strong one."""
    setup.completer.enqueue("large", reference)
    setup.completer.enqueue("judge", verdict)
    await setup.answer(ask())
    await setup.background.drain()
    await settle()


async def test_an_answer_that_was_worse_is_replaced_in_the_cache() -> None:
    setup = RouteSetup(audit=ALWAYS)
    await audited(setup, "DIFFERENT")
    again = await setup.answer(ask())
    record = setup.records[-1]
    assert again.text == STRONG.text
    assert (record.decision, record.tier) == (DecisionKind.EXACT_HIT, "large")
    (entry,) = await setup.entries()
    assert entry.baseline_cost_usd == pytest.approx(entry.cost_usd)


async def test_the_request_that_was_answered_worse_is_recorded_as_it_was() -> None:
    setup = RouteSetup(audit=ALWAYS)
    await audited(setup, "DIFFERENT")
    assert (setup.record.decision, setup.record.tier) == (DecisionKind.ACCEPTED, "small")
    (audit,) = await setup.ledger.audits(route="support", kind=AuditKind.CASCADE)
    assert audit.is_acceptable is False


@pytest.mark.parametrize("verdict", ["SAME", "who knows", failure("judge")])
async def test_an_answer_that_was_as_good_or_unjudged_stays(verdict: Any) -> None:
    setup = RouteSetup(audit=ALWAYS)
    await audited(setup, verdict)
    assert (await setup.answer(ask())).text == SURE.text


async def test_the_operator_may_keep_audits_and_cache_apart() -> None:
    setup = RouteSetup(audit={**ALWAYS, "correct_cache": False})
    await audited(setup, "DIFFERENT")
    assert (await setup.answer(ask())).text == SURE.text


CUT = answer_of("cut o", choices=(Choice({"role": "assistant", "content": "cut o"}, "length"),), model="large")


@pytest.mark.parametrize("reference", [CUT, answer_of("", model="large")])
async def test_a_worse_answer_is_forgotten_where_the_better_one_may_not_be_kept(reference: Any) -> None:
    setup = RouteSetup(audit=ALWAYS)
    await audited(setup, "DIFFERENT", reference=reference)
    assert await setup.entries() == []


async def test_a_request_that_wants_no_copy_kept_gets_none_by_an_audit_either() -> None:
    setup = RouteSetup(audit=ALWAYS)
    setup.completer.enqueue("judge", "DIFFERENT")
    await setup.answer(ask(no_store=True))
    await setup.background.drain()
    assert await setup.entries() == []
    assert CallPurpose.AUDIT in [call.purpose for call in setup.completer.history]


@pytest.mark.parametrize("capture_content", [False, True])
async def test_both_answers_are_kept_with_the_audit_only_where_content_is_captured(capture_content: bool) -> None:
    setup = RouteSetup(audit=ALWAYS, route={"capture_content": capture_content})
    await audited(setup, "DIFFERENT")
    (audit,) = await setup.ledger.audits(route="support", kind=AuditKind.CASCADE)
    content = {"messages": list(ask().messages), "cheap": SURE.text, "strong": STRONG.text}
    assert audit.details.get("content") == (content if capture_content else None)
