"""Numbers and moments as people read them: every one can be read back, and what is not known is a dash."""

import math
import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate import wording
from thriftgate.decisions import DecisionKind, Reason
from thriftgate.stats.intervals import Interval, wilson_interval

MOMENTS = st.floats(0, 4e9)


def number(text: str) -> float:
    return float(re.sub(r"[$,%]", "", text.replace("\N{MINUS SIGN}", "-")))


@given(value=st.floats(-1e6, 1e6), digits=st.integers(2, 6))
def test_money_is_the_number_with_its_sign(value: float, digits: int) -> None:
    text = wording.money(value, digits)
    assert number(text) == pytest.approx(round(value, digits), abs=10**-digits)
    assert not (number(text) == 0 and text.startswith("\N{MINUS SIGN}"))


@given(st.floats(1e-3, 1e6))
def test_money_shows_at_least_two_significant_digits_of_a_sum(value: float) -> None:
    assert number(wording.money(value)) == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, wording.UNKNOWN),
        (0.0, "$0.00"),
        (0.000123, "$0.000123"),
        (-1.5, "\N{MINUS SIGN}$1.5000"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money_has_as_many_decimals_as_it_needs(value: float | None, words: str) -> None:
    assert wording.money(value) == words


@given(share=st.floats(-1, 1), digits=st.integers(0, 3))
def test_a_share_is_its_number_of_hundredths(share: float, digits: int) -> None:
    assert number(wording.percent(share, digits)) == pytest.approx(100 * share, abs=0.51 * 10**-digits)


def test_a_share_that_rounds_to_nothing_has_no_sign() -> None:
    assert [wording.percent(share, 2) for share in (-0.00001, -0.0, -0.0001)] == [
        "0.00%",
        "0.00%",
        "\N{MINUS SIGN}0.01%",
    ]


@given(bad=st.integers(0, 50), more=st.integers(1, 500))
def test_an_interval_is_written_with_its_ends_in_order(bad: int, more: int) -> None:
    share = wilson_interval(bad, bad + more)
    estimate, low, high = map(number, re.findall(r"[\d.]+%", wording.with_interval(share, 2)))
    assert low <= estimate <= high
    assert list(map(number, wording.between(share, 2).split(" to "))) == [low, high]


def test_an_interval_of_another_unit_is_written_in_it() -> None:
    assert wording.with_interval(Interval(0.1, 0.3, 0.2), 3, write=wording.plain) == "0.200 [0.100, 0.300]"


def test_what_is_not_known_is_a_dash() -> None:
    for known in (wording.money, wording.percent, wording.plain, wording.duration):
        assert known(math.nan) == known(None) == wording.UNKNOWN
    assert wording.moment(None) == wording.UNKNOWN
    assert wording.between(wilson_interval(0, 0)) == wording.between(None) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 µs"), (0.00042, "420 µs"), (0.0123, "12.3 ms"), (0.9994, "999 ms"), (0.9997, "1 s"), (12.34, "12.3 s"),
        (4321.0, "4,321 s"),
    ],
)  # fmt: skip
def test_a_duration_is_given_in_the_unit_that_suits_it(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


@given(st.floats(1e-5, 1e5))
def test_a_duration_is_the_number_of_its_unit(seconds: float) -> None:
    value, unit = wording.duration(seconds).split()
    assert number(value) * {"µs": 1e-6, "ms": 1e-3, "s": 1.0}[unit] == pytest.approx(seconds, rel=0.05)
    assert "e" not in value


@given(at=MOMENTS, passed=st.floats(-100, 1e8))
def test_how_long_ago_is_never_in_the_future(at: float, passed: float) -> None:
    value, unit, _ = wording.ago(at, at + passed).split()
    size = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}[unit]
    assert float(value) * size == pytest.approx(max(0.0, passed), abs=0.51 * size)


@given(MOMENTS)
def test_a_moment_can_be_read_back(at: float) -> None:
    assert datetime.fromisoformat(wording.machine_moment(at)).timestamp() == pytest.approx(at, abs=1)
    assert wording.moment(at, seconds=True).startswith(wording.moment(at).removesuffix(" UTC"))
    assert wording.moment(at).startswith(wording.day_of(at))


def test_every_decision_and_every_reason_has_words_and_its_public_value() -> None:
    for kind in DecisionKind:
        assert kind.label
        assert kind.words
        assert DecisionKind(str(kind)) is kind
    for reason in Reason:
        assert reason.words
        assert Reason.known(str(reason)) is reason
        assert "{" not in reason.told("small")
    assert Reason.known("of another release") is None


@given(st.floats(0, 1))
def test_nobody_is_said_to_be_certain(share: float) -> None:
    assert number(wording.confidence(share)) / 100 == pytest.approx(min(share, 0.999), abs=0.00501)
    assert wording.confidence(share) not in ("100%", "100.0%")


def test_half_an_interval_is_given_or_taken() -> None:
    assert wording.give_or_take(Interval(-0.01, 0.05, 0.02)) == "2.0 ± 3.0"
