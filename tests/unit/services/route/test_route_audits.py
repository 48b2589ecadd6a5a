"""What an audit finds out about an accepted answer, and what becomes of the copy in the cache."""

from typing import Any

import pytest
from tests.fakes import Reply, answer_of, ask, failure, settle
from tests.route_desk import STRONG, SURE, RouteDesk

from thriftgate.types import AuditKind, CallPurpose, Choice, DecisionKind

ALWAYS = {"share": 1.0}


async def audited(desk: RouteDesk, verdict: Reply, *, reference: Reply = STRONG) -> None:
    """One accepted answer, which the judge compares with the strong one."""
    desk.completer.enqueue("large", reference)
    desk.completer.enqueue("judge", verdict)
    await desk.answer(ask())
    await desk.background.drain()
    await settle()


async def test_an_answer_that_was_worse_is_replaced_in_the_cache() -> None:
    desk = RouteDesk(audit=ALWAYS)
    await audited(desk, "DIFFERENT")
    again = await desk.answer(ask())
    record = desk.records[-1]
    assert again.text == STRONG.text
    assert (record.decision, record.tier) == (DecisionKind.EXACT_HIT, "large")
    (entry,) = await desk.entries()
    assert entry.baseline_cost_usd == pytest.approx(entry.cost_usd)


async def test_the_request_that_was_answered_worse_is_recorded_as_it_was() -> None:
    desk = RouteDesk(audit=ALWAYS)
    await audited(desk, "DIFFERENT")
    assert (desk.record.decision, desk.record.tier) == (DecisionKind.ACCEPTED, "small")
    (audit,) = await desk.ledger.audits(route="support", kind=AuditKind.CASCADE)
    assert audit.is_acceptable is False


@pytest.mark.parametrize("verdict", ["SAME", "who knows", failure("judge")])
async def test_an_answer_that_was_as_good_or_unjudged_stays(verdict: Any) -> None:
    desk = RouteDesk(audit=ALWAYS)
    await audited(desk, verdict)
    assert (await desk.answer(ask())).text == SURE.text


async def test_the_operator_may_keep_audits_and_cache_apart() -> None:
    desk = RouteDesk(audit={**ALWAYS, "correct_cache": False})
    await audited(desk, "DIFFERENT")
    assert (await desk.answer(ask())).text == SURE.text


CUT = answer_of("cut o", choices=(Choice({"role": "assistant", "content": "cut o"}, "length"),), model="large")


@pytest.mark.parametrize("reference", [CUT, answer_of("", model="large")])
async def test_a_worse_answer_is_forgotten_where_the_better_one_may_not_be_kept(reference: Any) -> None:
    desk = RouteDesk(audit=ALWAYS)
    await audited(desk, "DIFFERENT", reference=reference)
    assert await desk.entries() == []


async def test_a_request_that_wants_no_copy_kept_gets_none_by_an_audit_either() -> None:
    desk = RouteDesk(audit=ALWAYS)
    desk.completer.enqueue("judge", "DIFFERENT")
    await desk.answer(ask(no_store=True))
    await desk.background.drain()
    assert await desk.entries() == []
    assert CallPurpose.AUDIT in [call.purpose for call in desk.completer.history]


@pytest.mark.parametrize("capture_content", [False, True])
async def test_both_answers_are_kept_with_the_audit_only_where_content_is_captured(capture_content: bool) -> None:
    desk = RouteDesk(audit=ALWAYS, route={"capture_content": capture_content})
    await audited(desk, "DIFFERENT")
    (audit,) = await desk.ledger.audits(route="support", kind=AuditKind.CASCADE)
    content = {"messages": list(ask().messages), "cheap": SURE.text, "strong": STRONG.text}
    assert audit.details.get("content") == (content if capture_content else None)
