"""The numbers behind the cache's decision, held to what they are said to be."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cached_questions import AGREEING, ASKED, POLICY, entry, evidence, near, observation

from thriftgate.caching.ageing import Ageing, ageing_of
from thriftgate.caching.artefact import CacheModel, shipped
from thriftgate.caching.decision import Explore, Hit, Miss, MissReason, decide
from thriftgate.caching.differences.guards import Veto
from thriftgate.caching.entries import PurgeFilter, normalised_answer, usage_fields
from thriftgate.caching.evidence import FEATURES, NEIGHBOURS, gather
from thriftgate.caching.lookup import Find
from thriftgate.caching.odds import Odds
from thriftgate.caching.policy import CONFIDENCE, SERVED, CachePolicy, FixedThreshold, moderated, values_of
from thriftgate.errors import ConfigurationError
from thriftgate.stats import poisson_interval
from thriftgate.types import Usage

# Evidence


def test_votes_fall_by_e_with_each_twentieth_of_similarity() -> None:
    supporting = sum(math.exp(-0.02 / 0.05 * place) for place in range(5))
    assert evidence(ASKED, AGREEING)["vote"] == pytest.approx(supporting / (supporting + math.exp(-0.67 / 0.05)))


def test_without_an_opponent_the_next_answer_is_assumed_a_twentieth_below_the_farthest() -> None:
    found = evidence("my red card", near(("my red card", "a", 0.9), ("red card lost", "a", 0.8), ("card", "a", 0.6)))
    assert found["margin"] == pytest.approx(0.9 - 0.55)
    assert found["mean_gap"] == pytest.approx(2.3 / 3 - 0.55)
    assert found["overlap_gap"] == 1
    assert found["vote"] == 1
    assert found["support"] == pytest.approx(math.log(3))
    assert found["density"] == 0.6


def test_means_are_of_three_and_overlaps_of_four_supporters_and_three_opponents() -> None:
    asked, other = "lost card pin", "weather"
    far = [
        (other, "a", 0.9),
        (other, "a", 0.8),
        (other, "a", 0.7),
        ("lost card", "a", 0.6),
        ("lost card pin", "a", 0.5),
    ]
    against = [(other, "b", 0.4), (other, "b", 0.3), ("pin", "b", 0.2), ("lost card pin", "b", 0.1)]
    found = evidence(asked, near(*far, *against))
    assert found["mean_gap"] == pytest.approx(0.8 - 0.3)
    assert found["overlap_gap"] == pytest.approx(2 / 3 - 1 / 3)
    assert evidence("so?", near(("and?", "a", 0.9)))["overlap_gap"] == 1, "nothing is said by either"


def test_of_the_best_answer_three_entries_are_tried() -> None:
    vetoed = [("Can I cancel order 5?", "a", 0.9)] * 3
    assert gather("Can I cancel order 7?", near(*vetoed[:2], ("cancel it", "a", 0.8))) is not Veto.NUMBERS
    assert gather("Can I cancel order 7?", near(*vetoed, ("cancel it", "a", 0.8))) is Veto.NUMBERS


def test_a_denial_on_one_side_is_evidence() -> None:
    for asked, kept, differs in (("not so", "so", 1), ("so", "not so", 1), ("not so", "not this", 0)):
        assert (
            evidence(asked + " blue red green", near((kept + " card pin order lost", "a", 0.9)))["negation"] == differs
        )


# Decisions


def sure(confidence: float, *, threshold: float = 0.9, explore: float = 0.0) -> CachePolicy:
    """Every answer is as likely right."""
    weights = np.zeros(len(FEATURES) + 1)
    weights[0] = math.log(confidence / (1 - confidence)) if confidence < 1 else 1e3
    nothing = np.zeros((len(weights), len(weights)))
    return replace(POLICY, weights=weights, covariance=nothing, threshold=threshold, explore=explore)


@pytest.mark.parametrize(
    ("policy", "draw", "kind"),
    [
        (sure(0.5, threshold=0.5), 0.0, Hit), (sure(0.5, threshold=0.5000001), 0.0, Explore),
        (sure(0.11), 0.0, Explore), (sure(0.09), 0.0, Miss),
        (sure(0.5, threshold=0.4, explore=0.3), 0.3, Hit), (sure(0.5, threshold=0.4, explore=0.3), 0.29, Explore),
        # In the upper half of what is served nothing is explored: (0.5 - t) / (1 - t) is a half at t = 0.
        (sure(0.5, threshold=0.0, explore=1.0), 0.0, Hit), (sure(0.5, threshold=0.01, explore=1.0), 0.0, Explore),
        (sure(1, threshold=1.0, explore=1.0), 0.0, Explore), (sure(1, threshold=1.0), 0.0, Hit),
    ],
)  # fmt: skip
def test_what_is_served_explored_and_left_alone(policy: CachePolicy, draw: float, kind: type) -> None:
    decision = decide(ASKED, AGREEING, policy=policy, draw=draw)
    assert type(decision) is kind
    if isinstance(decision, Miss):
        assert decision == Miss(reason=MissReason.TOO_FAR, similarity=AGREEING[0].similarity)
    if isinstance(decision, Explore):
        assert decision.reason is MissReason.UNSURE
        assert SERVED not in decision.features


def test_a_fixed_threshold_is_reached_by_the_similarity_itself() -> None:
    neighbours = near(("How do I pay?", "a", 0.9))
    assert isinstance(decide("How can I pay?", neighbours, policy=FixedThreshold(0.9), draw=0.0), Hit)
    vetoed = near(("Pay 5?", "a", 0.95), ("Do not pay 7?", "b", 0.93))
    assert decide("Pay 7?", vetoed, policy=FixedThreshold(0.9), draw=0.0) == Miss(
        reason=MissReason.GUARD, similarity=0.95, veto=Veto.NUMBERS
    )


def test_a_hit_that_is_not_served_says_all_but_that() -> None:
    hit = Hit(entry=AGREEING[0].entry, similarity=0.9, confidence=0.8, features={"a": 1.0, SERVED: 1.0})
    assert not hit.must_be_checked
    assert hit.unserved() == Explore(
        entry=hit.entry, similarity=0.9, confidence=0.8, features={"a": 1.0}, reason=MissReason.UNCHECKED
    )


def test_sixteen_neighbours_are_looked_for() -> None:
    assert Find("s", "k", None).limit == NEIGHBOURS == 16


# The policy


def test_a_new_route_begins_with_the_artefact_as_its_prior() -> None:
    model = replace(shipped(), prior_precision=4.0)
    policy = CachePolicy.of(model, max_error=0.01)
    assert policy.covariance == pytest.approx(np.eye(len(FEATURES) + 1) / 4)
    assert policy.weights.tolist() == [model.intercept, *(model.weights[name] for name in FEATURES)]
    assert (policy.threshold, policy.explore, policy.entry_variance) == (model.threshold, 0, model.entry_variance)
    assert CachePolicy.of(model, max_error=0.0).threshold == math.inf


def test_a_confidence_is_moderated_by_how_unsure_the_weights_are() -> None:
    values = [float(number) for number in range(len(FEATURES))]
    row = [1.0, *((value - m) / s for value, m, s in zip(values, POLICY.mean, POLICY.scale, strict=True))]
    logit = sum(weight * one for weight, one in zip(POLICY.weights, row, strict=True))
    variance = sum(one * one for one in row) * float(POLICY.covariance[0, 0])
    assert POLICY.confidence(values) == pytest.approx(
        1 / (1 + math.exp(-logit / math.sqrt(1 + math.pi * variance / 8)))
    )
    assert moderated(np.array(2.0), np.array(8 / math.pi * 3)) == pytest.approx(1 / (1 + math.exp(-1)))


@given(
    st.lists(st.booleans(), min_size=1, max_size=12), st.floats(0.1, 5), st.sampled_from([0.3, 0.7, 0.985, math.inf])
)
def test_an_entrys_offset_is_where_its_outcomes_and_the_prior_balance(
    outcomes: list[bool], variance: float, threshold: float
) -> None:
    policy = replace(POLICY, entry_variance=variance, threshold=threshold)
    expected = min(max(threshold, 0.5), 0.999)
    promised = math.log(expected / (1 - expected))
    offset = policy.entry_offset([observation({}, is_correct=right) for right in outcomes])
    surprise = sum(right - 1 / (1 + math.exp(-promised - offset)) for right in outcomes)
    assert surprise - offset / variance == pytest.approx(0, abs=1e-5)


def test_an_entry_without_outcomes_or_variance_is_like_all_others() -> None:
    assert POLICY.entry_offset([]) == 0
    assert replace(POLICY, entry_variance=0.0).entry_offset([observation({})]) == 0
    features = evidence(ASKED, AGREEING)
    values = tuple(features.values())
    offset = POLICY.entry_offset([observation(features, is_correct=False)])
    bare = replace(POLICY, covariance=np.zeros_like(POLICY.covariance))
    plain, lowered = bare.confidence(values), bare.confidence(values, [observation(features, is_correct=False)])
    odds = [math.log(one / (1 - one)) for one in (plain, lowered)]
    assert odds[1] - odds[0] == pytest.approx(offset)


def test_evidence_is_read_back_in_its_order_or_not_at_all() -> None:
    features: dict[str, float] = {name: float(place) for place, name in enumerate(FEATURES)}
    assert values_of(observation(dict(reversed(features.items())))) == tuple(features.values())
    assert values_of(observation({**features, "vote": math.nan})) is None
    del features["density"]
    assert values_of(observation(features)) is None


# Whether confidences come true


def looked(*outcomes: tuple[float, bool, bool]) -> Odds:
    odds = Odds()
    for confidence, is_correct, served in outcomes:
        features = {CONFIDENCE: confidence} | ({SERVED: 1.0} if served else {})
        odds.add(replace(observation(features), is_correct=is_correct))
    return odds


def test_confidences_are_believed_as_if_two_errors_had_come_true_and_five_at_each_level() -> None:
    odds = looked((0.9, False, True), (0.9, True, True))
    assert odds.inflation == pytest.approx((1 + 2) / (0.2 + 2))
    assert odds.errors(np.array([0.9])) == pytest.approx([0.1 * 3 / 2.2])
    unserved = looked(*[(0.9, False, False)] * 5)
    assert unserved.inflation == 1
    assert unserved.errors(np.array([0.9])) == pytest.approx([0.1 * 10 / 5.5])
    assert looked((0.9, True, True)).inflation == 1, "luck lowers nothing"


@pytest.mark.parametrize(("level", "inside"), [(0.8, 0.89), (0.9, 0.94), (0.95, 0.97), (0.98, 1.0), (0.0, 0.79)])
def test_a_level_holds_from_its_beginning_to_the_next(level: float, inside: float) -> None:
    odds = looked(*[(level or 0.5, False, False)] * 30)
    for confidence in (0.0, 0.79, 0.8, 0.89, 0.9, 0.94, 0.95, 0.97, 0.98):
        plain = 1 - confidence
        (error,) = odds.errors(np.array([confidence]))
        assert (error > plain * 1.01) == (level <= confidence <= inside)


def test_wrong_answers_of_all_hits_count_at_every_level() -> None:
    odds = looked(*[(0.98, False, True)] * 3)
    assert odds.checked == 3
    assert odds.errors(np.array([0.5, 0.9])) == pytest.approx([0.5 * 5 / 2.06, 0.1 * 5 / 2.06])


def test_a_change_in_five_days_of_ten_is_a_rate_with_its_exact_interval() -> None:
    found = ageing_of([(86_400.0, place < 2) for place in range(10)])
    assert found == Ageing(checked=10, changed=2, seconds=864_000.0)
    rate, exact = found.per_day, poisson_interval(2)
    assert rate is not None
    assert (rate.low, rate.estimate, rate.high) == pytest.approx((exact.low / 10, 0.2, exact.high / 10))
    assert found.longest_ttl(0.1) == pytest.approx(0.1 / 0.2 * 86_400)


def test_a_second_of_age_is_something_and_less_is_nothing() -> None:
    assert ageing_of([(1.0, True)]).per_day is not None
    assert ageing_of([(0.99, True)]).per_day is None
    assert ageing_of([(-5.0, True), (1.0, False)]).seconds == 1
    assert Ageing(0, 0, 9.0).per_day is None
    assert Ageing(1, 0, 9.0).longest_ttl(0.1) is None


# What is kept


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        ({}, True), ({"route": "support"}, True), ({"route": "sales"}, False), ({"scope": "s"}, True),
        ({"scope": "t"}, False), ({"tag": "red"}, True), ({"tag": "blue"}, False), ({"entry_id": "e1"}, True),
        ({"entry_id": "e2"}, False), ({"prompt_version": "v1"}, True), ({"prompt_version": "v2"}, False),
        ({"prompt_versions_not": ("v2",)}, True), ({"prompt_versions_not": ("v2", "v1")}, False),
        ({"collection": "c"}, True), ({"collection": "d"}, False), ({"route": "support", "tag": "blue"}, False),
        ({"route": "sales", "tag": "red"}, False),
    ],
)  # fmt: skip
def test_a_filter_forgets_what_meets_all_its_conditions(wanted: dict[str, object], matches: bool) -> None:
    kept = replace(entry("q", entry_id="e1"), tags=("red",), prompt_version="v1", collection="c")
    assert PurgeFilter(**wanted).matches(kept) is matches  # pyright: ignore[reportArgumentType]


def test_a_new_entry_was_never_hit_and_is_its_own_group() -> None:
    kept = entry("q", entry_id="e1")
    assert (kept.hits, kept.cost_usd, kept.baseline_cost_usd, kept.group) == (0, 0, 0, "e1")
    assert replace(kept, answer_group="g").group == "g"
    usage = Usage(prompt_tokens=1, completion_tokens=2, cached_tokens=3, reasoning_tokens=4, is_estimated=True)
    assert list(usage_fields(usage).values()) == [1, 2, 3, 4, True]
    assert normalised_answer(" A\u030a  b\n") == "\u00c5 b"


@pytest.mark.parametrize(
    ("change", "is_fine"),
    [
        ({"threshold": 1}, True), ({"threshold": 1e-9}, True), ({"threshold": True}, False),
        ({"entry_variance": 0}, True), ({"entry_variance": -1e-9}, False), ({"prior_precision": 1e-9}, True),
        ({"prior_precision": 0}, False), ({"examples": 1.5}, True), ({"examples": "many"}, False),
        ({"scale": dict.fromkeys(FEATURES, 1e-9)}, True),
        ({"scale": {**dict.fromkeys(FEATURES, 1.0), "vote": 0}}, False),
    ],
)  # fmt: skip
def test_the_bounds_of_an_artefacts_numbers(change: dict[str, object], is_fine: bool) -> None:
    data = json.loads(shipped().to_json()) | change
    if is_fine:
        read = CacheModel.from_json(json.dumps(data))
        assert {name: getattr(read, name) for name in change} == change
    else:
        with pytest.raises(ConfigurationError, match="cache artefact: "):
            CacheModel.from_json(json.dumps(data))


def test_an_artefact_that_leaves_out_what_has_a_usual_value() -> None:
    fields = CacheModel(calibrated_on="x", examples=1, intercept=0.0, weights={}, mean={}, scale={})
    assert (fields.prior_precision, fields.entry_variance, fields.threshold) == (20, 2, 0.985)
