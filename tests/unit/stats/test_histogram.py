import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.stats.histogram import Histogram


def test_a_new_histogram_has_a_count_for_each_bound_and_one_beyond_the_last() -> None:
    assert Histogram((1.0, 2.0)).counts == [0, 0, 0]
    assert Histogram((1.0,), [4, 2]).n == 6


@pytest.mark.parametrize(("bounds", "counts"), [((2.0, 1.0), []), ((1.0, 1.0), []), ((1.0,), [1]), ((1.0,), [1, 2, 3])])
def test_bounds_that_do_not_rise_and_counts_of_another_length_are_no_histogram(
    bounds: tuple[float, ...], counts: list[int]
) -> None:
    with pytest.raises(ValueError, match="bounds"):
        Histogram(bounds, counts)


@given(st.lists(st.floats(0, 5), max_size=30))
def test_every_value_is_counted_once_and_at_a_bound_below_it(values: list[float]) -> None:
    histogram = Histogram((1.0, 2.0))
    for value in values:
        histogram.observe(value)
    assert histogram.counts == [
        sum(value <= 1 for value in values),
        sum(1 < value <= 2 for value in values),
        sum(value > 2 for value in values),
    ]
    assert histogram.n == len(values)
    assert histogram.total == pytest.approx(sum(values))


def test_what_is_no_number_is_not_counted() -> None:
    histogram = Histogram((1.0,))
    for value in (math.nan, math.inf, -math.inf, 1.0):
        histogram.observe(value)
    assert (histogram.counts, histogram.total) == ([1, 0], 1.0)


def test_histograms_of_the_same_bounds_add_up_and_others_do_not() -> None:
    one, other = Histogram((1.0, 2.0), [1, 2, 3], 4.0), Histogram((1.0, 2.0), [10, 20, 30], 40.0)
    one.add(other)
    assert (one.counts, one.total) == ([11, 22, 33], 44.0)
    assert one.cumulative() == [(1.0, 11), (2.0, 33), (math.inf, 66)]
    with pytest.raises(ValueError, match="same bounds"):
        one.add(Histogram((1.0, 3.0)))
