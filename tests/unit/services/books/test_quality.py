"""What a report says about quality: audits, drift, verified hits, feedback, and the control group."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.memory_ledger import MemoryLedger

from thriftgate.cli.report.parts.quality import lines, print_quality, quality_record
from thriftgate.services.books.quality import FEWEST_UNITS, RouteQuality, make_quality, quality_of
from thriftgate.services.books.standing import RoutePromise
from thriftgate.types import Audit, AuditKind, Caller, DecisionKind, RequestRecord

PROMISE = RoutePromise(max_quality_loss=0.02, max_error=0.01)


def request(
    number: int,
    decision: DecisionKind = DecisionKind.ACCEPTED,
    *,
    reason: str | None = None,
    cost: float = 0.001,
    user: str | None = None,
    at: float = 100.0,
) -> RequestRecord:
    return RequestRecord(
        request_id=f"r{number}",
        route="support",
        caller=Caller(user_id=user),
        started_at=at,
        duration=1.0,
        decision=decision,
        reason=reason,
        cost_usd=cost,
        baseline_cost_usd=0.01,
    )


def audit(number: int, is_acceptable: bool | None, kind: AuditKind = AuditKind.CASCADE, *, at: float = 100.0) -> Audit:
    return Audit(
        request_id=f"r{number}",
        kind=kind,
        route="support",
        tier="small",
        judged_at=at,
        is_acceptable=is_acceptable,
        cost_usd=0.0 if kind is AuditKind.FEEDBACK else 0.01,
        holdout=kind is not AuditKind.FEEDBACK,
        details={"is_accepted": True},
    )


def quality(records: list[RequestRecord], audits: list[Audit], promise: RoutePromise = PROMISE) -> RouteQuality:
    return quality_of("support", records, audits, promise, np.random.default_rng(7), checking_cost_usd=0.0)


def said(one: RouteQuality) -> dict[str, str]:
    return dict(lines(one))


def test_loss_is_the_share_of_bad_audits_times_the_share_accepted() -> None:
    records = [request(n, DecisionKind.ACCEPTED if n < 50 else DecisionKind.ESCALATED) for n in range(100)]
    one = quality(records, [audit(n, n >= 10) for n in range(40)])
    assert one.quality_loss is not None
    assert one.quality_loss.estimate == pytest.approx(10 / 40 * 0.5)
    assert one.quality_loss.low < 0.125 < one.quality_loss.high
    assert (one.audits.n, one.audits.bad) == (40, 10)


def test_many_bad_audits_are_called_drift_and_good_ones_are_not() -> None:
    records = [request(n) for n in range(300)]
    bad = quality(records, [audit(n, n % 2 == 0) for n in range(300)])
    good = quality(records, [audit(n, True) for n in range(300)])
    assert said(bad)["promise"].startswith("drift: more is lost than promised (150 of 300 audits bad); recalibrate")
    assert said(good)["promise"] == "no drift seen (sequential test on 300 audits)"


def test_a_kept_net_promise_is_not_called_broken_for_what_got_better() -> None:
    """6 % got worse and 5 % got better, 1 % net: within a net promise of 2 %, and not within one of regressions."""
    records = [request(n) for n in range(600)]
    audits = [audit(n, n % 17 != 0) for n in range(600)]
    net = quality(records, audits, replace(PROMISE, got_better=0.055))
    worse = quality(records, audits, replace(PROMISE, max_quality_loss=None, max_regressions=0.02))
    assert said(net)["promise"].startswith("no drift seen")
    assert "promised: at most 2.00% net (13.00% that differ, with what got better" in said(net)["quality loss"]
    assert said(worse)["promise"].startswith("drift: ")
    assert said(worse)["quality loss"].startswith("different from the strongest tier's: ")


def ranked(number: int, loss: int) -> Audit:
    """An audit by a judge that says which answer is better."""
    found = audit(number, loss <= 0)
    return replace(found, details={**found.details, "is_better": loss < 0})


def regressions(limit: float, *, got_better: float = 0.0) -> RoutePromise:
    return RoutePromise(max_regressions=limit, got_better=got_better)


def test_audits_that_tell_what_got_better_are_held_against_what_is_promised() -> None:
    """6.7 % worse and 5.4 % better: 1.2 % net, and no answer's gain pays for a promise of regressions."""
    records = [request(n) for n in range(900)]
    audits = [ranked(n, 1 if n % 15 == 0 else -1 if n % 18 == 1 else 0) for n in range(900)]
    net, worse = quality(records, audits), quality(records, audits, regressions(0.02))
    bad, better = worse.audits.bad, sum(one.details["is_better"] for one in audits)
    assert net.drift is not None
    assert (net.drift.bad, net.drift.better, net.drift.is_drifting) == (bad, better, False)
    assert net.promised_loss == net.net_loss
    assert net.net_loss is not None
    assert net.net_loss.estimate == pytest.approx((bad - better) / 900)
    assert said(net)["quality loss"].startswith("got worse: 6.67% [")
    assert "; net of what got better: 1." in said(net)["quality loss"]
    assert said(net)["quality loss"].endswith("; promised: at most 2.00% net: not certain yet")
    assert worse.promised_loss == worse.quality_loss
    assert said(worse)["promise"].startswith("drift: ")
    assert said(worse)["quality loss"].endswith("; promised: at most 2.00% that got worse: above the promise")


def test_what_got_better_when_it_was_proved_pays_for_nothing_once_audits_tell() -> None:
    """The gain of the labels is gone: 6 % worse, nothing better. The net promise is broken, and that is said."""
    records = [request(n) for n in range(900)]
    promise = replace(PROMISE, got_better=0.06)
    gone = quality(records, [ranked(n, int(n % 17 == 0)) for n in range(900)], promise)
    assert said(gone)["promise"].startswith("drift: ")
    assert gone.loss_limit == 0.02


def test_the_loss_is_counted_from_audits_that_rank_where_there_are_some() -> None:
    records = [request(n) for n in range(40)]
    one = quality(records, [audit(n, n % 4 != 0) for n in range(20)] + [ranked(n, 0) for n in range(20, 40)])
    assert one.drift is not None
    assert (one.drift.audits, one.drift.bad, one.audits.bad) == (20, 0, 5)
    assert one.quality_loss is not None
    assert one.quality_loss.estimate == 0


def test_an_alarm_that_rings_is_not_silenced_by_the_first_audits_that_rank() -> None:
    """300 audits of an earlier version, half of them bad, then some by a judge that says which answer is better."""
    records = [request(n) for n in range(320)]
    earlier = [audit(n, n % 2 == 0) for n in range(300)]
    for more in (0, 1, 20):
        one = quality(records, earlier + [ranked(n, 0) for n in range(300, 300 + more)])
        assert one.loss_verdict is not None
        assert one.loss_verdict.value == "above the promise"
        assert said(one)["promise"].startswith("drift: more is lost than promised (150 of 300 audits bad)")
    fine = quality(records, [audit(n, True) for n in range(300)] + [ranked(n, 0) for n in range(300, 320)])
    assert said(fine)["promise"].startswith("no drift seen")


def test_two_kinds_of_audits_share_the_chance_of_a_false_alarm() -> None:
    """Evidence between 1 / delta and 2 / delta rings where one kind is tested, and not where there are both."""
    records, promise = [request(n) for n in range(200)], replace(PROMISE, max_quality_loss=0.2)
    others = [audit(n, True, at=1.0) for n in range(100, 200)]
    found = [quality(records, [ranked(n, 1) for n in range(bad)], promise) for bad in range(1, 30)]
    bad = next(number for number, one in enumerate(found, 1) if one.drift and 20 <= one.drift.evidence < 40)
    alone = quality(records, [ranked(n, 1) for n in range(bad)], promise)
    beside = quality(records, others + [ranked(n, 1) for n in range(bad)], promise)
    assert (alone.alarm is not None, beside.alarm is not None) == (True, False)


def test_without_any_audit_the_limit_is_the_promised_one() -> None:
    """With the first audit it was the promised 2 %, and before it 12 %: the gain that was proved counted twice."""
    promise = replace(PROMISE, got_better=0.05)
    assert quality([request(0)], [], promise).loss_limit == 0.02
    assert quality([request(0)], [ranked(0, 0)], promise).loss_limit == 0.02
    assert quality([request(0)], [audit(0, True)], promise).loss_limit == pytest.approx(0.12)


def test_a_limit_for_differing_answers_counts_both_kinds() -> None:
    assert RoutePromise(max_quality_loss=0.02, got_better=0.05).of_differing == pytest.approx(0.12)
    assert regressions(0.02, got_better=0.05).of_differing == pytest.approx(0.07)


def test_audits_from_before_the_calibration_do_not_count_any_more() -> None:
    records = [request(n, at=float(n)) for n in range(200)]
    audits = [audit(n, n >= 100, at=float(n)) for n in range(200)]
    one = quality(records, audits, replace(PROMISE, calibrated_at=100.0))
    assert (one.audits.n, one.audits.bad) == (100, 0)


def test_audits_of_rejected_answers_and_of_shifted_requests_say_nothing_of_the_promise() -> None:
    records = [request(0), request(1, reason="budget_shift"), request(2, DecisionKind.ESCALATED)]
    rejected = replace(audit(2, False), details={"is_accepted": False})
    one = quality(records, [audit(0, True), audit(1, False), rejected])
    assert (one.audits.n, one.audits.bad, one.shifted) == (1, 0, 1)


def test_what_the_judge_could_not_tell_is_counted_apart() -> None:
    one = quality([request(n) for n in range(3)], [audit(0, True), audit(1, None), audit(2, False)])
    assert (one.audits.good, one.audits.bad, one.audits.undecided) == (1, 1, 1)
    assert "(1 more could not be judged)" in said(one)["audits"]


async def test_savings_are_net_of_what_the_checks_cost_and_of_what_the_guards_judge_cost_once() -> None:
    ledger = MemoryLedger()
    await ledger.record([request(n) for n in range(10)])
    for n, kind in enumerate((AuditKind.CASCADE, AuditKind.CACHE, AuditKind.FEEDBACK)):
        await ledger.add_audit(audit(n, True, kind))
    for n in range(10):
        await ledger.add_audit(audit(n, None, AuditKind.GUARD))
    (one,) = await make_quality(ledger, {"support": PROMISE}, np.random.default_rng(1), since=50.0)
    assert one.checking_cost_usd == pytest.approx(0.12)
    assert one.saved_usd == pytest.approx(10 * 0.009 - 0.12)


def test_wrong_answers_of_the_cache_are_counted_among_all_answers() -> None:
    records = [request(n, DecisionKind.SEMANTIC_HIT if n < 25 else DecisionKind.ESCALATED) for n in range(100)]
    one = quality(records, [audit(n, n > 0, AuditKind.CACHE) for n in range(20)])
    assert one.wrong_share is not None
    assert one.wrong_share.estimate == pytest.approx(1 / 20 * 0.25)
    assert "20 verified hits: 95.0%" in said(one)["cache"]
    assert "promised: at most 1.00%" in said(one)["cache"]


def test_feedback_is_shown_beside_the_audits_and_not_mixed_with_them() -> None:
    one = quality([request(0), request(1)], [audit(0, True, AuditKind.FEEDBACK), audit(1, False, AuditKind.FEEDBACK)])
    assert said(one)["feedback"].startswith("2 users' verdicts: 50.0%")
    assert one.audits.n == 0


@pytest.mark.parametrize("reason", ["uncalibrated", "stale_artefact", "promise_not_proven", "collecting_labels"])
def test_a_promise_without_proof_is_said_in_words(reason: str) -> None:
    one = quality([request(n, DecisionKind.ONLY_TIER, reason=reason) for n in range(3)], [])
    assert one.not_proven == {reason: 3}
    assert "no proof: 3 requests" in said(one)[""]


def with_control(users: int, *, held_cost: float = 0.01, rest_cost: float = 0.004) -> list[RequestRecord]:
    held = [
        request(n, DecisionKind.ONLY_TIER, reason="held_out", cost=held_cost, user=f"h{n % users}")
        for n in range(users * 3)
    ]
    rest = [request(10_000 + n, cost=rest_cost, user=f"u{n % users}") for n in range(users * 3)]
    return held + rest


def test_savings_are_measured_against_the_control_group() -> None:
    control = quality(with_control(FEWEST_UNITS), []).control
    assert (control.requests, control.units) == (3 * FEWEST_UNITS, FEWEST_UNITS)
    assert control.saved_share is not None
    assert control.saved_share.estimate == pytest.approx(0.6)


def test_a_control_group_of_few_users_is_not_compared_however_many_requests_they_sent() -> None:
    one = quality(with_control(FEWEST_UNITS - 1), [])
    assert one.control.saved_share is None
    assert "too few for a comparison" in said(one)["control group"]


def test_requests_that_never_had_the_choice_stand_on_neither_side() -> None:
    others = [
        request(1, DecisionKind.EXACT_HIT),
        request(2, DecisionKind.ONLY_TIER, reason="tool_required"),
        request(3, DecisionKind.ONLY_TIER, reason="uncalibrated"),
        request(4, DecisionKind.ESCALATED, reason="collecting_labels"),
        request(5, DecisionKind.FAILED),
    ]
    control = quality([*others, request(6, DecisionKind.ONLY_TIER, reason="poor_outlook")], []).control
    assert (control.requests, control.rest_requests) == (0, 1)


@given(
    costs=st.lists(st.floats(0.0001, 1.0), min_size=FEWEST_UNITS, max_size=60),
    rest=st.lists(st.floats(0.0001, 1.0), min_size=FEWEST_UNITS, max_size=60),
)
def test_the_share_saved_is_that_of_the_means_whatever_they_are(costs: list[float], rest: list[float]) -> None:
    held = [
        request(n, DecisionKind.ONLY_TIER, reason="held_out", cost=cost, user=f"h{n}") for n, cost in enumerate(costs)
    ]
    others = [request(1000 + n, cost=cost, user=f"u{n}") for n, cost in enumerate(rest)]
    share = quality(held + others, []).control.saved_share
    assert share is not None
    assert share.low <= share.estimate <= share.high
    assert share.estimate == pytest.approx(1 - np.mean(rest) / np.mean(costs))


async def test_every_route_has_its_own_quality_and_the_period_is_kept_to() -> None:
    ledger = MemoryLedger()
    await ledger.record([request(0), replace(request(1), route="triage"), request(2, at=1.0)])
    await ledger.add_audit(audit(0, True))
    await ledger.add_audit(audit(2, False, at=1.0))
    found = await make_quality(ledger, {"support": PROMISE}, np.random.default_rng(1), since=50.0)
    assert [(one.route, one.audits.n, one.promise) for one in found] == [
        ("support", 1, PROMISE),
        ("triage", 0, RoutePromise()),
    ]


def test_json_holds_all_of_it_and_no_nan() -> None:
    plain = quality_record(quality([request(0)], [audit(0, True)]))
    text = json.dumps(plain, allow_nan=False)
    assert json.loads(text)["audits"]["share_good"]["estimate"] == 1.0
    assert plain["control"]["cost_per_request"] is None
    assert plain["verifications"]["n"] == 0


def test_the_printed_section_names_the_route_and_too_many_requests_are_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_quality([quality([request(0)], [])])
    print_quality(None)
    printed = capsys.readouterr().out
    assert "Quality of support" in printed
    assert "none of accepted answers yet" in printed
    assert "choose a shorter time with --since" in printed


def test_what_is_wrong_among_the_hits_is_said_beside_its_promise_and_for_the_worst_tenant() -> None:
    records = [request(n, DecisionKind.SEMANTIC_HIT) for n in range(80)]
    audits = [
        replace(
            audit(n, n % 8 != 1, AuditKind.CACHE),
            details={"tenant": 1.0 + n % 2, "age": 43_200.0, "changed": float(n == 1)},
        )
        for n in range(80)
    ]
    one = quality(records, audits, RoutePromise(max_error=0.01, max_error_of_hits=0.05))
    assert one.hits.wrong is not None
    assert one.hits.wrong.estimate == 0.125
    assert one.hits.worst_tenant is not None
    assert (one.hits.tenants, one.hits.worst_tenant.estimate) == (2, 0.25)
    words = [text for _, text in lines(one)]
    assert any(text.startswith("wrong among the hits: 12.50%") and "at most 5.00%" in text for text in words)
    assert any(text.startswith("the worst of 2 tenants: 25.00%") for text in words)
    assert any("changes 0.025 times a day" in text and "a ttl of at most 2d keeps" in text for text in words)
    json.dumps(quality_record(one))


@pytest.mark.parametrize(
    ("changed", "age", "ttl"),
    [(1, 30.0, "60s"), (2, 610.0, "10m"), (1, 3_700.0, "2h"), (8, 22.0, "5s")],
)
def test_the_advice_for_a_ttl_can_be_written_into_the_configuration(changed: int, age: float, ttl: str) -> None:
    details: dict[str, float] = {"tenant": 1.0, "age": age}
    audits = [
        replace(audit(n, True, AuditKind.CACHE), details={**details, "changed": float(n < changed)}) for n in range(40)
    ]
    one = quality([request(0)], audits, RoutePromise(max_error=0.01, max_error_of_hits=0.05))
    assert any(f"a ttl of at most {ttl} keeps" in text for _, text in lines(one)), list(lines(one))


def test_before_a_hit_was_verified_both_promises_of_the_cache_are_said() -> None:
    words = said(quality([request(0)], [], RoutePromise(max_error=0.01, max_error_of_hits=0.05)))["cache"]
    assert words == "no hit was verified yet; promised: at most 1.00% of all answers and 5.00% of the hits wrong"


def test_a_tenant_with_few_verified_hits_is_not_told_of() -> None:
    audits = [replace(audit(n, False, AuditKind.CACHE), details={"tenant": 7.0}) for n in range(29)]
    one = quality([request(0)], audits)
    assert (one.hits.tenants, one.hits.worst_tenant, one.hits.ageing.checked) == (0, None, 0)


@pytest.mark.parametrize(("unfamiliar", "is_warned"), [(12, False), (60, True)])
def test_more_unfamiliar_questions_than_chance_brings_are_a_warning_before_any_audit(unfamiliar: int, is_warned: bool):
    strange = [request(n, DecisionKind.ONLY_TIER, reason="unfamiliar") for n in range(unfamiliar)]
    others = [request(n, reason="confident") for n in range(unfamiliar, 600)]
    tools = [request(n, DecisionKind.ONLY_TIER, reason="tools_offered") for n in range(600, 900)]
    promise = replace(PROMISE, unfamiliar_share=0.02, ranked_labels=500)
    words = said(quality([*strange, *others, *tools], [], promise))["questions"]
    assert f"{unfamiliar} of 600 resemble none of the labelled ones" in words
    assert words.startswith("shift:") is is_warned


def test_where_nobody_looks_for_unfamiliar_questions_nothing_is_said_of_them():
    assert "questions" not in said(quality([request(1)], []))
