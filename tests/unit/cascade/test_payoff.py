"""Whether a cascade can pay, said before it is built."""

from dataclasses import replace

import numpy as np
import pytest
from tests.cascade_labels import labels

from thriftgate.cascade.calibration.payoff import payoff_of


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
