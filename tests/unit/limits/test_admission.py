"""Whether a deadline can be met."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.admission import Admit, ServiceRate, TurnAway, admit

POSITIVE = st.floats(0.01, 1e6)


@given(POSITIVE, POSITIVE, POSITIVE, st.floats(0, 1e4), POSITIVE)
def test_who_is_admitted_is_expected_in_time_and_who_is_not_is_told_when(
    before: float, own: float, rate: float, until_tickets: float, patience: float
) -> None:
    verdict = admit(
        work_before=before + own, own_work=own, rate=rate, until_tickets=until_tickets, patience=patience
    )  # fmt: skip
    expected = max(before / rate, until_tickets)
    if isinstance(verdict, Admit):
        assert verdict.wait == pytest.approx(expected, rel=1e-3, abs=1e-3)
        assert verdict.wait <= patience
    else:
        assert expected > patience * 0.999
        assert verdict.retry_after >= until_tickets
        assert verdict.retry_after + patience >= expected * 0.999, "come back then, and it would be in time"


def test_before_anything_is_known_only_the_tickets_decide() -> None:
    known: dict[str, float] = {"work_before": 1e9, "own_work": 1, "patience": 5}
    assert admit(**known, rate=None, until_tickets=2) == Admit(2)
    assert admit(**known, rate=None, until_tickets=6) == TurnAway(6)


def test_what_never_fits_is_turned_away_forever() -> None:
    assert admit(work_before=1, own_work=1, rate=10, until_tickets=inf, patience=5) == TurnAway(inf)


def test_a_rate_is_the_work_of_a_place_times_the_places() -> None:
    rate = ServiceRate()
    assert rate.per_second(4) is None
    assert rate.duration is None
    for _ in range(500):
        rate = rate.observe(100, 2)
    assert rate.per_second(4) == pytest.approx(200)
    assert rate.duration == pytest.approx(2)


def test_a_rate_follows_what_has_changed() -> None:
    rate = ServiceRate()
    for _ in range(300):
        rate = rate.observe(100, 2)
    for _ in range(300):
        rate = rate.observe(100, 4)
    assert rate.per_second(1) == pytest.approx(25, rel=0.05)


@pytest.mark.parametrize(("work", "duration"), [(0, 1), (1, 0), (-1, 1)])
def test_a_request_without_work_or_duration_says_nothing(work: float, duration: float) -> None:
    assert ServiceRate().observe(work, duration) == ServiceRate()


def test_who_is_first_in_line_waits_for_tickets_alone_and_patience_to_the_last_moment_is_enough() -> None:
    known: dict[str, float] = {"rate": 2.0, "until_tickets": 0.0, "patience": 3.0}
    assert admit(work_before=5, own_work=5, **known) == Admit(0)
    assert admit(work_before=5, own_work=6, **known) == Admit(0), "an estimate that grew meanwhile is no credit"
    assert admit(work_before=11, own_work=5, **known) == Admit(3)
    assert admit(work_before=12, own_work=5, **known) == TurnAway(0.5)
    assert admit(work_before=12, own_work=5, rate=2.0, until_tickets=2, patience=3) == TurnAway(2)
    assert admit(work_before=12, own_work=5, rate=0.0, until_tickets=0, patience=3) == Admit(0)


def test_half_a_ticket_of_work_and_half_a_second_are_known() -> None:
    rate = ServiceRate().observe(0.5, 0.25)
    assert (rate.per_second(1), rate.per_second(3), rate.duration) == (2, 6, 0.25)


def test_what_is_lately_counts_as_64_values_do() -> None:
    rate = ServiceRate().observe(6.4, 1).observe(1, 1)
    # The first counts 63 / 64 of the second.
    assert rate.work.mean == pytest.approx((6.4 * 63 / 64 + 1) / (63 / 64 + 1))
