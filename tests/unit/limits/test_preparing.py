"""How many requests are made ready beyond the places."""

from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.preparing import Preparation

seconds = st.floats(0.001, 60.0)


def after(*durations: float) -> Preparation:
    state = Preparation()
    for duration in durations:
        state = state.observe(duration)
    return state


@given(st.lists(seconds, max_size=20), st.integers(1, 500), st.none() | seconds)
def test_at_least_one_and_at_most_as_many_as_there_are_places(
    durations: list[float], places: int, service: float | None
) -> None:
    assert 1 <= after(*durations).ahead(places, service) <= places


@given(seconds, st.integers(1, 500), seconds)
def test_never_fewer_than_little_s_law_asks_for(duration: float, places: int, service: float) -> None:
    due = places * duration / service
    assert after(duration).ahead(places, service) >= min(places, int(due))


def test_three_tenths_of_a_second_before_three_seconds_of_work_at_thirty_places_is_three_on_their_way_and_spare() -> (
    None
):
    assert after(0.3).ahead(30, 3.0) == 7


def test_one_is_made_ready_before_anything_is_known_and_where_it_takes_no_time() -> None:
    assert Preparation().ahead(30, 3.0) == after(0.3).ahead(30, None) == after(0.0, 0.0).ahead(30, 3.0) == 1


def test_what_was_lately_counts_more_than_what_was_long_ago() -> None:
    slow = after(*[1.0] * 50)
    quick = after(*[1.0] * 50, *[0.01] * 300)
    assert quick.ahead(100, 1.0) < slow.ahead(100, 1.0) / 5


@given(st.lists(seconds, max_size=20), st.floats(0, 100))
def test_what_is_left_of_a_patience_is_half_of_it_or_more(durations: list[float], patience: float) -> None:
    assert patience / 2 <= after(*durations).until_due(patience) <= patience


def test_twice_the_time_to_get_ready_is_left_of_a_patience() -> None:
    assert after(0.5, 0.5).until_due(20.0) == 19.0
