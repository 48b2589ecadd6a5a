"""Whether a cascade can pay, said before it is built."""

from dataclasses import replace

import numpy as np
import pytest
from tests.cascade_labels import labels

from thriftgate.cascade.calibration.labels import payoff_of
from thriftgate.cascade.prices import payoff_of_prices


def test_the_break_even_is_the_cheap_price_over_the_strong_one():
    found = payoff_of(labels(20, np.random.default_rng(0), cheap=0.1))
    assert found is not None
    assert found.break_even == pytest.approx(0.1)
    assert found.objections == ()


def test_a_strong_tier_that_costs_little_more_is_objected_to_in_words():
    found = payoff_of(labels(20, np.random.default_rng(0), cheap=0.25))
    assert found is not None
    assert found.objections[0].startswith("The strongest tier costs only 4.0 times the cheapest: 25% of all answers")
    dearer = payoff_of(labels(20, np.random.default_rng(0), cheap=0.125))
    assert dearer is not None
    assert dearer.objections == ()


def test_prices_alone_tell_the_break_even_and_object_to_a_ratio_below_five():
    found, close = payoff_of_prices(0.2, 4.0), payoff_of_prices(1.0, 2.0)
    assert found is not None
    assert (found.break_even, found.objections) == (0.05, ())
    assert close is not None
    assert close.objections[0].startswith("The strongest tier costs only 2.0 times the cheapest: 50% of all answers")
    assert payoff_of_prices(1.0, 0.0) is None
    for strong in (0.02, 1.0):
        never = payoff_of_prices(1.0, strong)
        assert never is not None
        assert never.objections[0].startswith("The strongest tier costs no more than the cheapest")
    free = payoff_of_prices(0.0, 1.0)
    assert free is not None
    assert free.break_even == 0


def test_answers_of_one_letter_are_objected_to_unless_they_have_log_probabilities():
    made = labels(20, np.random.default_rng(0))
    bare = [replace(one, features=({"answer_length": float(np.log1p(1))},)) for one in made]
    sure = [replace(one, features=({"answer_length": float(np.log1p(1)), "logprob_mean": -0.1},)) for one in made]
    for given, objected in ((bare, 1), (sure, 0)):
        found = payoff_of(given)
        assert found is not None
        assert len(found.objections) == objected


def test_a_free_cheap_tier_always_breaks_even_and_no_prices_say_nothing():
    found = payoff_of(labels(20, np.random.default_rng(0), cheap=0.0))
    assert found is not None
    assert found.break_even == 0
    assert payoff_of([]) is None
