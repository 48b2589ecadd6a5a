"""What a client is told of its limits."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.headers import LimitStanding, anthropic_headers, go_duration, openai_headers, retry_headers

STANDINGS = (
    LimitStanding("requests", 100, 40.7, 30.0),
    LimitStanding("tokens", 1000, -12.0, 61.2),
    LimitStanding("requests", 1000, 300, 5.0),
)


def test_openai_clients_read_their_own_names_with_durations() -> None:
    assert openai_headers(STANDINGS) == {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "300",
        "x-ratelimit-reset-requests": "5s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1m1.2s",
    }


def test_anthropic_clients_read_their_own_names_with_moments() -> None:
    assert anthropic_headers(STANDINGS[:2], now=1_700_000_000.5) == {
        "anthropic-ratelimit-requests-limit": "100",
        "anthropic-ratelimit-requests-remaining": "40",
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:51Z",
        "anthropic-ratelimit-tokens-limit": "1000",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2023-11-14T22:14:22Z",
    }


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0ms"), (0.0121, "13ms"), (1, "1s"), (1.5, "1.5s"), (59.9999, "1m0s"), (360, "6m0s"),
        (3603, "1h0m3s"), (-4, "0ms"),
    ],
)  # fmt: skip
def test_a_duration_is_written_as_openai_writes_it(seconds: float, written: str) -> None:
    assert go_duration(seconds) == written


@given(st.floats(1e-4, 1e6))
def test_a_client_is_never_told_to_come_back_too_early(seconds: float) -> None:
    headers = retry_headers(seconds)
    assert int(headers["retry-after"]) >= seconds
    assert int(headers["retry-after-ms"]) >= 1000 * seconds


def test_who_need_not_come_back_is_told_no_time() -> None:
    assert retry_headers(inf) == {}


def test_at_an_equal_share_the_first_limit_is_told_and_fractions_are_cut() -> None:
    equal = (LimitStanding("tokens", 10.9, 5.45, 1.0), LimitStanding("tokens", 100, 50, 2.0))
    assert openai_headers(equal) == {
        "x-ratelimit-limit-tokens": "10",
        "x-ratelimit-remaining-tokens": "5",
        "x-ratelimit-reset-tokens": "1s",
    }


@pytest.mark.parametrize(
    ("seconds", "headers"),
    [
        (0.0, ("1", "1")), (-3.0, ("1", "1")), (0.0001, ("1", "1")), (1.0, ("1", "1000")), (1.0001, ("2", "1001")),
        (2.5, ("3", "2500")),
    ],
)  # fmt: skip
def test_who_shall_come_back_is_told_seconds_and_milliseconds(seconds: float, headers: tuple[str, str]) -> None:
    assert retry_headers(seconds) == {"retry-after": headers[0], "retry-after-ms": headers[1]}


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.999, "999ms"), (0.9991, "1s"), (10, "10s"), (59.999, "59.999s"), (60, "1m0s"), (3599.5, "59m59.5s"),
     (3600, "1h0m0s"), (7384.25, "2h3m4.25s"), (90000, "25h0m0s")],
)  # fmt: skip
def test_hours_minutes_and_seconds(seconds: float, written: str) -> None:
    assert go_duration(seconds) == written
