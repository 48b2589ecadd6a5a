"""How many requests are made ready beyond the places."""

from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.fading import FadingMean
from thriftgate.limits.preparing import ahead, until_due

seconds = st.floats(0.001, 60.0)


def mean_of(*durations: float) -> float | None:
    state = FadingMean()
    for duration in durations:
        state = state.observe(duration)
    return state.mean


@given(st.lists(seconds, max_size=20), st.integers(1, 500), st.none() | seconds)
def test_at_least_one_and_at_most_as_many_as_there_are_places(
    durations: list[float], places: int, service: float | None
) -> None:
    assert 1 <= ahead(places, service=service, preparation=mean_of(*durations)) <= places


@given(seconds, st.integers(1, 500), seconds)
def test_never_fewer_than_little_s_law_asks_for(duration: float, places: int, service: float) -> None:
    due = places * duration / service
    assert ahead(places, service=service, preparation=duration) >= min(places, int(due))


def test_three_tenths_of_a_second_before_three_seconds_of_work_at_thirty_places_is_three_on_their_way_and_spare() -> (
    None
):
    assert ahead(30, service=3.0, preparation=0.3) == 7


def test_one_is_made_ready_before_anything_is_known_and_where_it_takes_no_time() -> None:
    known = ((3.0, mean_of()), (None, 0.3), (3.0, mean_of(0.0, 0.0)))
    assert [ahead(30, service=service, preparation=preparation) for service, preparation in known] == [1, 1, 1]


def test_what_was_lately_counts_more_than_what_was_long_ago() -> None:
    slow, quick = mean_of(*[1.0] * 50), mean_of(*[1.0] * 50, *[0.01] * 300)
    assert ahead(100, service=1.0, preparation=quick) < ahead(100, service=1.0, preparation=slow) / 5


@given(st.lists(seconds, min_size=1, max_size=200))
def test_a_fading_mean_lies_between_what_was_observed(durations: list[float]) -> None:
    mean = mean_of(*durations)
    assert mean is not None
    assert min(durations) * (1 - 1e-9) <= mean <= max(durations) * (1 + 1e-9)


@given(st.lists(seconds, max_size=20), st.floats(0, 100))
def test_what_is_left_of_a_patience_is_half_of_it_or_more(durations: list[float], patience: float) -> None:
    assert patience / 2 <= until_due(patience, mean_of(*durations)) <= patience


def test_twice_the_time_to_get_ready_is_left_of_a_patience() -> None:
    assert until_due(20.0, mean_of(0.5, 0.5)) == 19.0


def test_from_places_seconds_and_preparation_follows_how_many_are_on_their_way() -> None:
    # Due are 40 / 4 * 0.1 = 1, and twice its root spare.
    assert ahead(40, service=4.0, preparation=0.1) == 3
    assert ahead(1000, service=1.0, preparation=0.1) == 120
    assert ahead(100, service=1.0, preparation=1e-9) == 1
    assert ahead(2, service=1.0, preparation=9.0) == 2
    assert ahead(30, service=0.0, preparation=1.0) == 1


def test_all_of_a_patience_is_left_before_anything_is_known() -> None:
    assert until_due(3.0, None) == 3.0
    assert until_due(3.0, 0.5) == 2.0
    assert until_due(3.0, 1.0) == 1.5
    assert mean_of(2.0, 1.0) == (2.0 * 63 / 64 + 1.0) / (63 / 64 + 1)
