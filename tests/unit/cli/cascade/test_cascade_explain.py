"""What `thriftgate cascade explain` says about one request."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.memory_ledger import MemoryLedger

from thriftgate.cascade.artefact import Artefact, Guarantee, TierConfidence
from thriftgate.cascade.calibrated import CalibratedScorer
from thriftgate.cascade.cost_weight import CostWeight
from thriftgate.cascade.models import Calibrator, Confidence, Logistic
from thriftgate.cli.cascade import command
from thriftgate.cli.cascade import explain as cascade_explain
from thriftgate.types import Audit, AuditKind, CallPurpose, DecisionKind, RequestRecord, Stage, TierCall

REPO = Path(__file__).parent.parent.parent.parent.parent
CONFIG = REPO / "tests" / "config" / "good" / "support.yaml"

RECORD = RequestRecord(
    request_id="r1",
    route="support",
    started_at=100.0,
    duration=2.0,
    decision=DecisionKind.ESCALATED,
    reason="below_threshold",
    tier="large",
    confidence=0.41,
    cost_usd=0.0123,
    baseline_cost_usd=0.011,
    calls=(
        TierCall(model="small", started_at=100.0, duration=0.5, cost_usd=0.0013, confidence=0.41),
        TierCall(model="large", started_at=100.5, duration=1.5, cost_usd=0.011),
    ),
    signals={"hedges": 2.0, "answer_tokens": 40.0},
)
COST_WEIGHT = CostWeight(power=1.0)
AUDIT = Audit(
    request_id="r1", kind=AuditKind.CASCADE, route="support", tier="small", judged_at=103.0, is_acceptable=False
)


def scorer(accept_at: float = 0.8) -> CalibratedScorer:
    model = Logistic(
        features=("hedges", "mean_logprob"), means=(1.0, 0.0), scales=(0.5, 1.0), weights=(-1.5, 1.0), intercept=0.0
    )
    confidence = Confidence(model, Calibrator(slope=1.0, intercept=0.0, knots=(0.0,), values=(0.5,)))
    return CalibratedScorer(
        Artefact(
            tiers=("small", "large"),
            signals=("hedging",),
            labels=10,
            labels_tested=5,
            confidences=(
                TierConfidence(tier="small", confidence=confidence, accept_at=accept_at, cost_weight=COST_WEIGHT),
            ),
            guarantee=Guarantee(
                max_quality_loss=0.02, delta=0.05, loss="net", holds=True, p_value=0.01, words="It holds."
            ),
            expected={},
        )
    )


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_decision_tiers_signals_and_verdict_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    cascade_explain.print_explanation(RECORD, [AUDIT])
    lines = printed(capsys)
    assert "escalated: a cheaper tier was asked first; a stronger one gave the answer" in lines
    assert "reason below_threshold: small's confidence was below the threshold" in lines
    assert "small answer ok 0.001300 0.500 0.410" in lines
    assert "large answer ok 0.011000 1.500 -" in lines
    assert "hedges 2" in lines
    assert "cascade the answer of 'small' was judged not good enough ($0.000000)" in lines


def test_what_a_guards_judge_was_asked_is_no_verdict_on_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    call = TierCall(model="judge", purpose=CallPurpose.JUDGE, started_at=100.0, duration=0.1)
    guard = replace(AUDIT, kind=AuditKind.GUARD, tier=None, is_acceptable=None, cost_usd=0.0004, calls=(call, call))
    cascade_explain.print_explanation(RECORD, [guard, replace(guard, calls=(call,))])
    lines = printed(capsys)
    assert "guard the guards' judge was asked 2 times whether it is an attack ($0.000400)" in lines
    assert "guard the guards' judge was asked once whether it is an attack ($0.000400)" in lines
    assert not any("undecided" in line for line in lines)


def test_with_an_artefact_every_signal_has_its_share_in_the_log_odds(capsys: pytest.CaptureFixture[str]) -> None:
    cascade_explain.print_explanation(RECORD, [], scorer=scorer())
    lines = printed(capsys)
    assert "hedges 2 -3.000" in lines, "-1.5 times (2 - 1) / 0.5"
    assert "answer_tokens 40 -" in lines, "the artefact does not use it"
    assert any("accepted from a weighed confidence of 0.800 for answers of 'small'" in line for line in lines)


def test_a_tier_that_is_never_accepted_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    cascade_explain.print_explanation(RECORD, [], scorer=scorer(accept_at=2.0))
    assert any("never accepted for answers of 'small'" in line for line in printed(capsys))


def test_a_second_sample_is_not_taken_for_the_judged_answer() -> None:
    second = TierCall(model="small", purpose=CallPurpose.SECOND_SAMPLE, started_at=1.0, duration=1.0)
    hit = RequestRecord(
        request_id="r2",
        route="support",
        started_at=1.0,
        duration=1.0,
        decision=DecisionKind.SEMANTIC_HIT,
        calls=(second,),
    )
    assert cascade_explain.judged_tier(hit, scorer()) is None
    assert cascade_explain.judged_tier(RECORD, scorer()) == "small"


async def test_only_verdicts_on_this_request_are_found() -> None:
    ledger = MemoryLedger()
    await ledger.record([RECORD])
    await ledger.add_audit(AUDIT)
    guard = replace(AUDIT, kind=AuditKind.GUARD, is_acceptable=None)
    for one in (guard, replace(guard, request_id="r9"), replace(AUDIT, request_id="r9")):
        await ledger.add_audit(one)
    assert await cascade_explain.find_record(ledger, "r1") == (RECORD, [guard, AUDIT])
    assert await cascade_explain.find_record(ledger, "r9") == (None, [])


def run(monkeypatch: pytest.MonkeyPatch, ledger: MemoryLedger, request_id: str):
    async def read(_section: object, _config: Path, asked: str):
        return await cascade_explain.find_record(ledger, asked)

    monkeypatch.setattr(cascade_explain, "_read", read)
    return CliRunner().invoke(command, ["explain", request_id, "--config", str(CONFIG)])


def test_an_unknown_request_is_met_with_what_may_have_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, MemoryLedger(), "nope")
    assert result.exit_code == 1
    assert "the ledger has no request 'nope': it may be of another database" in result.output


def test_a_known_request_is_explained_by_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = MemoryLedger()
    ledger.rows["r1"] = RECORD
    result = run(monkeypatch, ledger, "r1")
    assert result.exit_code == 0, result.output
    assert "route       support; answered by large" in result.output


def test_a_reason_of_another_release_is_shown_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    cascade_explain.print_explanation(replace(RECORD, reason="too_blue"), [])
    assert "reason too_blue: too_blue" in printed(capsys)


def test_an_unfamiliar_question_is_named_with_its_rank(capsys: pytest.CaptureFixture[str]):
    stage = Stage(name="plan", started_at=100.0, duration=0.01, attributes={"familiarity": 0.004})
    record = replace(RECORD, decision=DecisionKind.ONLY_TIER, reason="unfamiliar", stages=(stage,), signals={})
    cascade_explain.print_explanation(record, [])
    said = capsys.readouterr().out
    assert "resembles none of the labelled ones" in said
    assert "0.4% of the labelled questions lie as far" in said
