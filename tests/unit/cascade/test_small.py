"""Hold-out, running confidence, drift and budget shift."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.cascade.drift import AS_GOOD, BETTER, WORSE, drift_of, net_interval
from thriftgate.cascade.holdout import holdout_draw, is_audited, is_held_out
from thriftgate.cascade.plan import accept_at_for, allowed_loss
from thriftgate.cascade.running import Running, RunningConfidence


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_hold_out_only_adds_users(user: str, one: float, other: float):
    small, large = sorted((one, other))
    if is_held_out(user, route="r", share=small):
        assert is_held_out(user, route="r", share=large)
    assert not is_held_out(user, route="r", share=0.0)
    assert is_held_out(user, route="r", share=1.0)


def test_hold_outs_of_two_routes_are_other_users():
    users = [str(place) for place in range(2000)]
    one, other = ({user for user in users if is_held_out(user, route=route, share=0.1)} for route in ("a", "b"))
    assert 0 < len(one & other) < 0.3 * len(one)


def test_draws_are_even_fixed_and_independent():
    draws = np.array([holdout_draw("a", str(i)) for i in range(4000)])
    others = np.array([holdout_draw("b", str(i)) for i in range(4000)])
    assert np.histogram(draws, bins=4, range=(0, 1))[0].min() > 900
    assert abs(np.corrcoef(draws, others)[0, 1]) < 0.06
    assert holdout_draw("a", "0") == draws[0]
    # Parts are kept apart: ("ab", "c") is not ("a", "bc").
    assert holdout_draw("ab", "c") != holdout_draw("a", "bc")
    assert is_audited("r", share=1.0)


def entries(*values: float) -> list[dict[str, Any]]:
    return [{"token": "w", "logprob": value} for value in values]


def test_a_confident_stream_goes_on_and_settles():
    running = RunningConfidence(floor=0.5, until=6, window=4)
    states = [running.feed("w ", entries(-0.05)) for _ in range(8)]
    assert states[:5] == [Running.GO_ON] * 5
    assert states[5:] == [Running.SETTLED] * 3


def test_a_doubtful_stream_collapses_and_stays_so():
    running = RunningConfidence(floor=0.5, until=60, window=4)
    assert running.feed("well", entries(-3.0)) is Running.GO_ON
    assert running.feed(" maybe", entries(-3.0)) is Running.COLLAPSED
    assert running.feed(" yes", entries(-0.0)) is Running.COLLAPSED


def test_one_rare_word_in_a_sure_sentence_does_not_collapse_it():
    running = RunningConfidence(floor=0.5, until=60, window=16)
    for value in (-0.01, -0.01, -2.5, -0.01, -0.01, -0.01, -0.01, -0.01, -0.01, -0.01):
        assert running.feed("w", entries(value)) is Running.GO_ON


def test_without_log_probabilities_a_refusal_is_caught():
    running = RunningConfidence(floor=0.5)
    assert running.feed("I'm sorry, ") is Running.GO_ON
    assert running.feed("but I can\u2019t help with that.") is Running.COLLAPSED


@given(st.lists(st.lists(st.floats(-20, 0), max_size=4), max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_floor_never_lets_a_stream_live_longer(chunks: list[list[float]], one: float, other: float):
    low, high = (RunningConfidence(floor=floor, until=40, window=6) for floor in sorted((one, other)))
    for values in chunks:
        lower, higher = low.feed("w", entries(*values)), high.feed("w", entries(*values))
        assert not (lower is Running.COLLAPSED and higher is not Running.COLLAPSED)


@pytest.mark.parametrize("wrong", [{"floor": 2.0}, {"floor": 0.5, "until": 0}, {"floor": 0.5, "window": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, Any]):
    with pytest.raises(ValueError, match="no such"):
        RunningConfidence(**wrong)


def test_drift_is_seen_where_the_loss_is_above_the_promise_and_not_where_it_is_below():
    rng = np.random.default_rng(0)
    bad = drift_of((rng.uniform(size=600) <= 0.15).astype(int).tolist(), accepted_share=0.6, max_quality_loss=0.02)
    assert bad.is_drifting
    assert bad.quality_loss.low > 0.02
    fine = drift_of((rng.uniform(size=600) <= 0.02).astype(int).tolist(), accepted_share=0.6, max_quality_loss=0.02)
    assert not fine.is_drifting
    assert fine.evidence < 20


def test_drift_is_seldom_claimed_at_the_promise_itself():
    rng = np.random.default_rng(1)
    claims = sum(
        drift_of(map(int, rng.uniform(size=300) < 0.04), accepted_share=0.5, max_quality_loss=0.02).is_drifting
        for _ in range(200)
    )
    assert claims / 200 <= 0.05


@pytest.mark.parametrize("worse", [0.067, 0.3])
def test_a_kept_net_promise_rings_seldom_however_much_got_worse_and_a_broken_one_is_seen(worse: float):
    """Point 4 of issue 12: 1.1 % lost net, of which 6.7 % got worse; an alarm that saw the worse ones alone rang."""
    rng = np.random.default_rng(2)

    def rings(net: float, runs: int) -> float:
        chances = [worse, 1 - 2 * worse + net, worse - net]
        drawn = (rng.choice([1, 0, -1], size=800, p=chances).tolist() for _ in range(runs))
        found = [drift_of(one, accepted_share=1.0, max_quality_loss=0.02, is_net=True).is_drifting for one in drawn]
        return sum(found) / runs

    assert rings(0.011, 60) <= 0.05
    # At the promise itself, looked at after every audit: at most delta, and what chance adds to it in 200 runs.
    assert rings(0.02, 200) <= 0.08
    assert rings(worse, 20) >= 0.9, "nothing gets better any more"


@given(st.lists(st.sampled_from([1, 0, -1]), max_size=60), st.floats(0, 1), st.floats(0.001, 0.3))
def test_what_got_better_lowers_the_net_loss_alone(losses: list[int], share: float, limit: float):
    net = drift_of(losses, accepted_share=share, max_quality_loss=limit, is_net=True)
    worse = drift_of(losses, accepted_share=share, max_quality_loss=limit)
    plain = drift_of([max(loss, 0) for loss in losses], accepted_share=share, max_quality_loss=limit)
    assert worse.evidence == plain.evidence, "a promise of regressions knows no gain"
    assert worse.quality_loss == net.quality_loss or not losses
    if losses:
        assert net.net_loss.estimate == pytest.approx(share * sum(losses) / len(losses))
        assert net.net_loss.low <= net.net_loss.estimate <= net.net_loss.high
    if net.is_drifting:
        assert max(sum(losses[:n]) * share - n * limit for n in range(len(losses) + 1)) > 0, "some look saw too much"


@pytest.mark.parametrize(
    ("worse", "better", "audits", "accepted_share"),
    [(0.30, 0.289, 400, 1.0), (0.30, 0.30, 200, 0.6), (0.067, 0.054, 900, 1.0), (0.10, 0.0, 400, 1.0)],
)
def test_the_interval_of_a_net_loss_holds_the_true_one_as_often_as_it_says(
    worse: float, better: float, audits: int, accepted_share: float
):
    """95 %, and what chance takes from it in 1,500 draws; for independent shares it was 90.7 % in the first case."""
    drawn = np.random.default_rng(3).multinomial(audits, [worse, 1 - worse - better, better], size=1500)
    true, held = (worse - better) * accepted_share, 0
    for bad, _, gained in drawn.tolist():
        found = net_interval(bad, gained, audits, accepted_share)
        held += found.low <= true <= found.high
    assert held / len(drawn) >= 0.938


def test_no_audits_prove_nothing_and_shares_are_shares():
    nothing = drift_of([], accepted_share=0.5, max_quality_loss=0.02)
    assert not nothing.is_drifting
    assert (nothing.net_loss.low, nothing.net_loss.high) == (-0.5, 0.5)
    assert (nothing.quality_loss.low, nothing.quality_loss.high, nothing.evidence) == (0, 0.5, 1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        drift_of([], accepted_share=1.5, max_quality_loss=0.02)


@given(st.floats(0, 2), st.floats(0, 2), st.floats(0, 0.9), st.floats(0.001, 0.3), st.floats(0.001, 0.3))
def test_the_allowed_loss_rises_with_use_between_promise_and_floor(
    used: float, more: float, starts_at: float, promised: float, floor: float
):
    before = allowed_loss(used, starts_at=starts_at, promised=promised, floor=floor)
    after = allowed_loss(used + more, starts_at=starts_at, promised=promised, floor=floor)
    assert promised <= before <= after + 1e-12
    assert after <= max(promised, floor) + 1e-12


def test_the_loosest_proven_promise_within_the_allowed_loss_is_taken():
    promises: list[dict[str, Any]] = [
        {"max_quality_loss": 0.01, "holds": True, "accept_at": [0.9]},
        {"max_quality_loss": 0.03, "holds": True, "accept_at": [0.8]},
        {"max_quality_loss": 0.04, "holds": False, "accept_at": []},
        {"max_quality_loss": 0.05, "holds": True, "accept_at": [0.6]},
    ]
    assert accept_at_for(promises, 0.045) == (0.8,)
    assert accept_at_for(promises, 0.05) == (0.6,)
    assert accept_at_for(promises, 0.001) is None


def test_what_an_answer_loses_is_counted_by_its_name() -> None:
    found = drift_of([WORSE, AS_GOOD, AS_GOOD, BETTER, AS_GOOD, WORSE], accepted_share=1.0, max_quality_loss=0.02)
    assert (found.audits, found.bad, found.better) == (6, 2, 1)
