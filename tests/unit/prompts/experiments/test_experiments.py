"""Reading an experiment: one observation per unit, honest tests, guards that stop what is certainly worse."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from thriftgate.prompts.experiments.tally import Tally, phase_at, unit_of
from thriftgate.prompts.experiments.verdicts import ExperimentReport, check_guards, report
from thriftgate.prompts.schema import Experiment
from thriftgate.types import Audit, AuditKind, Caller, DecisionKind, PromptRef, RequestRecord, Status

HOUR = 3600.0
DAY = 86400.0


def plan(**given: Any) -> Experiment:
    return Experiment.model_validate({"variants": {"control": 50, "concise": 50}, "metric": "escalation", **given})


def asked(number: int, user: str | None, variant: str, at: float, **given: Any) -> RequestRecord:
    prompt = PromptRef(name="support", variant=variant, version=given.pop("version", "v"), experiment="short")
    fields: dict[str, Any] = {
        "request_id": f"r{number}", "route": "support", "caller": Caller(user_id=user), "started_at": at,
        "duration": 1.0, "decision": DecisionKind.ACCEPTED, "cost_usd": 0.01, "prompt": prompt, **given,
    }  # fmt: skip
    return RequestRecord(**fields)


def judged(number: int, is_acceptable: bool | None, at: float, **given: Any) -> Audit:
    fields: dict[str, Any] = {
        "request_id": f"r{number}", "kind": AuditKind.CASCADE, "route": "support", "judged_at": at,
        "is_acceptable": is_acceptable, "holdout": True, **given,
    }  # fmt: skip
    return Audit(**fields)


def tallied(
    experiment: Experiment, records: Sequence[RequestRecord], audits: Sequence[Audit] = (), now: float = 10 * DAY
) -> Tally:
    tally = Tally(experiment, prompt="support", name="short", phase=phase_at(experiment, now), audits=audits)
    for record in records:
        tally.add(record)
    return tally


def reported(
    experiment: Experiment, records: Sequence[RequestRecord], audits: Sequence[Audit] = (), now: float = 10 * DAY
) -> ExperimentReport:
    tally = tallied(experiment, records, audits, now)
    return report(experiment, tally, phase_at(experiment, now), prompt="support", name="short", now=now)


def test_a_user_is_one_observation_however_much_he_asks() -> None:
    records = [asked(n, "ada", "control", at=n * 60.0, cost_usd=0.02 * n) for n in range(5)]
    tally = tallied(plan(), [*records, asked(9, "bob", "control", at=1.0, cost_usd=0.0)])

    assert tally.values("control", "cost", 10 * DAY) == pytest.approx([0.4, 0.0])
    assert tally.totals["control"].requests == 6
    assert tally.totals["control"].cost_usd == pytest.approx(0.2)


def test_what_comes_after_the_window_counts_in_totals_only() -> None:
    tally = tallied(
        plan(), [asked(1, "ada", "control", 0.0, cost_usd=0.01), asked(2, "ada", "control", HOUR + 1, cost_usd=0.09)]
    )

    assert tally.values("control", "cost", 10 * DAY) == pytest.approx([0.1])
    assert tally.totals["control"].requests == 2


def test_a_unit_counts_when_its_window_has_closed_and_not_before() -> None:
    tally = tallied(plan(), [asked(1, "ada", "control", 0.0), asked(2, "bob", "control", 100.0)])

    assert len(tally.values("control", "cost", HOUR - 1)) == 0
    assert len(tally.values("control", "cost", HOUR)) == 1
    assert len(tally.values("control", "cost", HOUR + 100)) == 2
    assert tally.open_units(HOUR) == 1


def test_an_observation_is_the_same_at_every_later_look() -> None:
    rng = random.Random(5)
    records = [
        asked(n, f"u{rng.randrange(40)}", "control", at=n * 200.0, duration=rng.uniform(0, 40)) for n in range(500)
    ]
    audits = [judged(n, rng.random() < 0.5, at=n * 200.0 + rng.uniform(0, 3 * HOUR)) for n in range(0, 500, 3)]
    whole = tallied(plan(), records, audits)

    for metric in ("latency", "quality"):
        final = whole.values("control", metric, 10 * DAY)
        for look in (20_000.0, 50_000.0, 90_000.0):
            seen = [record for record in records if record.started_at <= look]
            known = [audit for audit in audits if audit.judged_at <= look]
            assert tallied(plan(), seen, known).values("control", metric, look) == final[: len(
                whole.values("control", metric, look))]  # fmt: skip


def test_a_user_who_saw_both_variants_in_his_window_counts_for_none() -> None:
    tally = tallied(plan(), [asked(1, "ada", "control", 0.0), asked(2, "ada", "concise", 1.0)])

    assert tally.values("control", "cost", DAY) == tally.values("concise", "cost", DAY) == []
    assert tally.moved_units == 1


def test_a_user_who_is_moved_later_keeps_the_observation_he_made() -> None:
    tally = tallied(plan(), [asked(1, "ada", "concise", 0.0), asked(2, "ada", "control", DAY)])

    assert len(tally.values("concise", "cost", 2 * DAY)) == 1
    assert tally.values("control", "cost", 2 * DAY) == []


def test_only_rows_of_the_experiment_and_its_phase_count() -> None:
    other = PromptRef(name="support", variant="control", version="v", experiment="warm")
    records = [
        asked(1, "ada", "control", 0.0, prompt=None),
        asked(2, "ada", "control", 0.0, prompt=other),
        asked(3, "ada", "gone", 0.0),
        asked(4, None, "control", 5.0),
    ]
    tally = tallied(plan(), records)
    assert tally.totals["control"].requests == 1
    assert tally.without_unit == 1

    ramped = plan(start="1970-01-01", ramp=[{"at": "1970-01-03", "variants": {"control": 10, "concise": 90}}])
    tally = tallied(ramped, [asked(1, "a", "control", DAY), asked(2, "b", "control", 2 * DAY)])
    assert tally.totals["control"].requests == 1


def test_every_metric_is_read_from_the_row_it_stands_in() -> None:
    record = asked(
        1, "ada", "control", 0.0, cost_usd=9.0, duration=15.0, decision=DecisionKind.SEMANTIC_HIT, status=Status.FAILED
    )
    audits = [
        judged(1, True, 1.0),
        judged(1, False, 1.0, kind=AuditKind.CACHE),
        judged(1, None, 1.0),
        judged(1, False, 1.0, holdout=False),
        judged(1, True, 1.0, kind=AuditKind.FEEDBACK, holdout=False),
        judged(1, False, 5 * DAY, kind=AuditKind.FEEDBACK),
    ]
    tally = tallied(plan(), [record], audits)
    names = ("cost", "latency", "escalation", "hits", "failure", "quality", "feedback")

    assert [tally.values("control", name, DAY) for name in names] == [[1], [0.5], [0], [1], [1], [0.5], [1]]


def test_the_unit_is_what_the_plan_says() -> None:
    caller = Caller(user_id="u", session_id="s", key_hash="k")

    assert [unit_of(plan(unit=unit), caller, "r") for unit in ("user", "session", "key", "request")] == list("uskr")


def users(
    count: int, rates: dict[str, float], rng: random.Random, *, requests: int = 3, spread: float = 0.2
) -> list[RequestRecord]:
    """Requests of users of whom each escalates at a rate of his own: a user's requests resemble each other."""
    records: list[RequestRecord] = []
    for number in range(count):
        variant = "control" if number % 2 else "concise"
        rate = min(max(rng.gauss(rates[variant], spread), 0.0), 1.0)
        for turn in range(requests):
            decision = DecisionKind.ESCALATED if rng.random() < rate else DecisionKind.ACCEPTED
            at = number * 10.0 + turn
            records.append(asked(len(records), f"u{number}", variant, at, decision=decision))
    return sorted(records, key=lambda record: record.started_at)


def test_a_clear_difference_is_found_and_an_unclear_one_is_not_claimed() -> None:
    rng = random.Random(1)
    found = reported(plan(), users(600, {"control": 0.6, "concise": 0.2}, rng)).deciding[0]
    unclear = reported(plan(), users(60, {"control": 0.4, "concise": 0.35}, rng)).deciding[0]

    assert (found.verdict, found.more_units) == ("better", None)
    assert found.difference.high < 0
    assert -0.4 in found.difference
    assert unclear.verdict == "undecided"
    assert unclear.more_units is not None
    assert unclear.more_units > 60


def test_variants_that_are_the_same_are_said_to_be_equal_when_enough_is_known() -> None:
    found = reported(plan(min_effect=0.15), users(3000, {"control": 0.3, "concise": 0.3}, random.Random(2)))

    assert found.deciding[0].verdict == "equal"


def test_looking_all_the_time_does_not_find_differences_that_are_not_there() -> None:
    experiment = plan(window="1m")
    wrong = 0
    for seed in range(30):
        records = users(240, {"control": 0.4, "concise": 0.4}, random.Random(seed), requests=4, spread=0.3)
        tally, phase = tallied(experiment, records), phase_at(experiment, 0.0)
        looks = [
            report(experiment, tally, phase, prompt="support", name="short", now=at * 10.0 + 60.0).deciding[0].verdict
            for at in range(20, 241, 44)
        ]
        wrong += "better" in looks or "worse" in looks
    # 5 % are allowed; more than 5 of 30 would happen by chance less than once in two hundred.
    assert wrong <= 5


def test_how_much_more_is_needed_is_about_right() -> None:
    rates = {"control": 0.45, "concise": 0.3}
    estimated: list[float] = []
    needed: list[float] = []
    for seed in range(8):
        records = users(4000, rates, random.Random(seed))
        tally = tallied(plan(), records, now=100 * DAY)
        phase = phase_at(plan(), 0.0)

        def look(units: int, tally: Tally = tally, phase: Any = phase) -> ExperimentReport:
            return report(plan(), tally, phase, prompt="support", name="short", now=units * 10.0 + HOUR)

        early = look(150).deciding[0]
        if early.more_units is None:
            continue
        estimated.append(150 + early.more_units)
        needed.append(next(units for units in range(150, 4000, 100) if look(units).deciding[0].verdict != "undecided"))
    assert len(needed) >= 5
    ratio = (sum(estimated) / len(estimated)) / (sum(needed) / len(needed))
    assert 0.4 < ratio < 2.5


def test_with_nothing_measured_the_report_says_so() -> None:
    empty = reported(plan(), [])

    assert empty.deciding[0].verdict == "undecided"
    assert empty.deciding[0].more_units is not None
    assert empty.arms[0].metrics["cost"].units == 0


def test_notes_name_what_does_not_count_and_what_spoils_the_comparison() -> None:
    records = [
        asked(1, "ada", "control", 0.0, version="a"),
        asked(2, "ada", "concise", 1.0),
        asked(3, None, "control", 2.0, version="a"),
        asked(4, "bob", "control", 3 * HOUR, version="b"),
    ]
    notes = reported(plan(), records, now=3 * HOUR).notes

    assert notes == (
        "1 unit is within its window and does not count yet",
        "1 unit saw more than one variant and counts for none",
        "1 request does not say whose it is and counts for no unit",
        "'control' was edited while the experiment ran: 2 versions were served under its name",
    )


def test_with_more_variants_and_phases_each_test_gets_its_share_of_alpha() -> None:
    three = plan(
        variants={"control": 1, "concise": 1, "warm": 1},
        ramp=[{"at": "2030-01-01", "variants": {"control": 1, "concise": 2, "warm": 1}}],
    )

    assert reported(three, []).level == pytest.approx(0.05 / 4)


GUARDED = {"guards": [{"metric": "escalation", "margin": "5%"}]}


def guarded(experiment: Experiment, records: Sequence[RequestRecord]) -> list[str]:
    phase = phase_at(experiment, 10 * DAY)
    return [stop.variant for stop in check_guards(experiment, tallied(experiment, records), phase, now=10 * DAY)]


def test_a_guard_stops_what_is_certainly_worse_by_more_than_its_margin() -> None:
    rng = random.Random(3)

    assert guarded(plan(**GUARDED), users(600, {"control": 0.2, "concise": 0.6}, rng)) == ["concise"]
    assert guarded(plan(**GUARDED), users(600, {"control": 0.6, "concise": 0.2}, rng)) == []
    assert guarded(plan(**GUARDED), users(600, {"control": 0.3, "concise": 0.33}, rng)) == []
    assert guarded(plan(**GUARDED), users(40, {"control": 0.0, "concise": 1.0}, rng)) == []


@pytest.mark.parametrize(("metric", "stops"), [("quality", True), ("feedback", False)])
def test_a_guard_on_quality_looks_the_other_way(metric: str, stops: bool) -> None:
    records = users(400, {"control": 0.5, "concise": 0.5}, random.Random(4), requests=1)
    audits = [judged(n, r.prompt is not None and r.prompt.variant == "control", at=r.started_at)
              for n, r in enumerate(records)]  # fmt: skip
    experiment = plan(guards=[{"metric": metric}])
    phase = phase_at(experiment, 10 * DAY)
    found = check_guards(experiment, tallied(experiment, records, audits), phase, now=10 * DAY)

    assert bool(found) is stops
    if stops:
        assert found[0].harm.low > 0.5


def test_a_stopped_variant_is_not_stopped_again() -> None:
    experiment = plan(**GUARDED)
    records = users(600, {"control": 0.2, "concise": 0.6}, random.Random(3))
    phase = phase_at(experiment, 10 * DAY, stopped=("concise",))

    assert check_guards(experiment, tallied(experiment, records), phase, now=10 * DAY) == ()
