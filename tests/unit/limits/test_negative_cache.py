"""A caller that is refused again and again is told the same for a moment; everybody else is looked at each time."""

from hypothesis import given
from hypothesis import strategies as st

from thriftgate.limits.negative_cache import NegativeCache

MOMENTS = st.lists(
    st.tuples(st.floats(0, 2), st.sampled_from("abc"), st.sampled_from(["m", "n"]), st.floats(0, 20)), max_size=80
)


def test_the_ninth_refusal_within_ten_seconds_holds_until_the_caller_may_come_back() -> None:
    cache = NegativeCache[str]()
    for number in range(8):
        cache.note("a", "m", "no", now=number * 0.5, retry_after=0.4)
        assert not cache.holds("a", now=number * 0.5)
    cache.note("a", "m", "no", now=4.0, retry_after=0.4)
    assert cache.refusal("a", "m", now=4.39) == "no"
    assert cache.refusal("a", "n", now=4.39) is None
    assert cache.refusal("b", "m", now=4.39) is None
    assert cache.refusal("a", "m", now=4.4) is None


def test_then_it_holds_on_for_as_long_as_its_cause_does_but_no_longer_than_ten_seconds() -> None:
    cache = NegativeCache[str](after=0)
    cache.note("a", "m", "no", now=0.0, retry_after=5.0)
    asked: list[str] = []

    def is_still(refusal: str) -> bool:
        asked.append(refusal)
        return True

    assert cache.refusal("a", "m", now=0.9, is_still=is_still) == "no"
    assert not asked
    assert cache.refusal("a", "m", now=1.0, is_still=is_still) == "no"
    assert cache.refusal("a", "m", now=2.0, is_still=lambda _: False) is None
    assert cache.refusal("a", "m", now=9.9, is_still=is_still) == "no"
    assert asked == ["no", "no"]
    assert cache.holds("a", now=9.9)
    assert not cache.holds("a", now=10.0)
    assert cache.refusal("a", "m", now=10.0, is_still=is_still) is None


def test_who_goes_on_asking_is_not_given_the_first_eight_again_and_who_pauses_is() -> None:
    cache = NegativeCache[str]()
    for number in range(9):
        cache.note("a", "m", "no", now=number * 1.0, retry_after=1.0)
    cache.note("a", "m", "no", now=11.0, retry_after=1.0)
    assert cache.refusal("a", "m", now=11.5) == "no"
    cache.note("a", "m", "no", now=32.0, retry_after=1.0)
    assert cache.refusal("a", "m", now=32.5) is None


def test_who_is_refused_now_and_then_is_looked_at_each_time() -> None:
    cache = NegativeCache[str]()
    for number in range(100):
        cache.note("a", "m", "no", now=number * 2.0, retry_after=5.0)
        assert cache.refusal("a", "m", now=number * 2.0) is None


@given(MOMENTS)
def test_a_refusal_holds_no_longer_than_was_told_nor_than_a_second_and_only_after_eight_within_twenty_seconds(
    noted: list[tuple[float, str, str, float]],
) -> None:
    cache, now = NegativeCache[int](), 0.0
    told: list[tuple[float, str, str, float]] = []
    for number, (pause, caller, topic, retry_after) in enumerate(noted):
        now += pause
        found = cache.refusal(caller, topic, now=now)
        if found is not None:
            at, whose, what, again = told[found]
            assert (whose, what) == (caller, topic)
            assert now < at + min(again, 1.0)
            assert sum(one[1] == caller and one[0] > at - 20.0 - 1e-9 for one in told[: found + 1]) > 8
            assert cache.holds(caller, now=now)
        told.append((now, caller, topic, retry_after))
        cache.note(caller, topic, number, now=now, retry_after=retry_after)


def test_no_more_callers_and_models_are_known_than_it_may_hold() -> None:
    cache = NegativeCache[int](after=0, most=3)
    for number in range(50):
        cache.note(number % 5, f"model {number}", number, now=0.0, retry_after=1.0)
    assert len(cache) == 3
    many = NegativeCache[int](after=0)
    for number in range(50):
        many.note("a", f"model {number}", number, now=0.0, retry_after=1.0)
    assert sum(many.refusal("a", f"model {number}", now=0.5) is not None for number in range(50)) == 32


def test_a_window_ends_after_its_seconds_and_is_forgotten_after_two() -> None:
    def held(*moments: float) -> bool:
        cache = NegativeCache[str](after=1, window=10.0)
        for now in moments:
            cache.note("a", "m", "no", now=now, retry_after=1.0)
        return cache.holds("a", now=moments[-1])

    assert held(0.0, 10.0)
    assert not held(0.0, 10.1), "one in this window, one in the last"
    assert held(0.0, 1.0, 20.0), "who goes on is not given the first again"
    assert not held(0.0, 1.0, 20.1), "who pauses is"
    assert not held(0.0, 10.5, 20.75)
    assert held(0.0, 10.5, 20.5)


def test_a_refusal_that_is_repeated_counts_as_one() -> None:
    cache = NegativeCache[str](after=1, window=10.0)
    for now in (0.0, 1.0):
        cache.note("a", "m", "no", now=now, retry_after=1.0)
    assert cache.refusal("a", "m", now=1.5) == "no"
    assert cache.refusal("a", "m", now=11.0, is_still=lambda _: True) is None, "ten seconds after it was told"
    cache.note("a", "m", "no", now=12.0, retry_after=1.0)
    assert cache.holds("a", now=12.0)


def test_the_caller_who_was_refused_longest_ago_is_forgotten_first() -> None:
    cache = NegativeCache[str](after=0, most=2)
    for caller in ("a", "b", "a", "c"):
        cache.note(caller, "m", "no", now=0.0, retry_after=1.0)
    assert [cache.holds(caller, now=0.5) for caller in "abc"] == [True, False, True]
    assert len(cache) == 2


def test_of_what_was_asked_for_the_oldest_is_forgotten_first() -> None:
    cache = NegativeCache[int](after=0)
    for number in range(33):
        cache.note("a", f"m{number}", number, now=0.0, retry_after=1.0)
    assert [cache.refusal("a", f"m{number}", now=0.5) for number in (0, 1, 32)] == [None, 1, 32]
