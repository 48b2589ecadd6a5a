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
    assert not cache.holds("a", now=4.4)


def test_who_is_refused_now_and_then_is_looked_at_each_time() -> None:
    cache = NegativeCache[str]()
    for number in range(100):
        cache.note("a", "m", "no", now=number * 2.0, retry_after=5.0)
        assert cache.refusal("a", "m", now=number * 2.0) is None


@given(MOMENTS)
def test_a_refusal_holds_no_longer_than_was_told_nor_than_a_second_and_only_after_eight_within_ten_seconds(
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
            assert sum(one[1] == caller and one[0] > at - 10.0 - 1e-9 for one in told[: found + 1]) > 8
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
