"""What holds where nobody says otherwise: each number that a route's cache gets without asking for it."""

import inspect
import math

import numpy as np

from thriftgate.caching.artefact import FORMAT, CacheModel, shipped
from thriftgate.caching.comparing import Compare
from thriftgate.caching.decision import Hit
from thriftgate.caching.entries import CacheEntry, Observation
from thriftgate.caching.evidence import FEATURES
from thriftgate.caching.learner import Learner, error_budget, threshold_for
from thriftgate.caching.lookup import Asked, Embed, Find, Found
from thriftgate.caching.policy import CachePolicy
from thriftgate.caching.rehearsal import Conditions
from thriftgate.caching.sharing.eligibility import EligibilitySettings
from thriftgate.caching.sharing.scope import CacheScope

MODEL = CacheModel(
    calibrated_on="here", examples=9, intercept=0.0,
    weights=dict.fromkeys(FEATURES, 0.0), mean=dict.fromkeys(FEATURES, 0.0), scale=dict.fromkeys(FEATURES, 1.0),
)  # fmt: skip
ENTRY = CacheEntry(
    entry_id="e", scope="s", key="k", route="r", question="q", embedding=None, choices=(), model="m",
    created_at=0.0, expires_at=1.0,
)  # fmt: skip


def hit(features: dict[str, float]) -> Hit:
    return Hit(entry=ENTRY, similarity=1.0, confidence=None, features=features)


def outcome(features: dict[str, float], *, is_correct: bool) -> Observation:
    return Observation(
        entry_id="e", scope="s", route="r", similarity=1.0, features=features, is_correct=is_correct, observed_at=0.0
    )


def test_an_artefact_is_held_to_as_firmly_as_twenty_observations_would_and_serves_at_98_5_per_cent() -> None:
    assert (MODEL.prior_precision, MODEL.entry_variance, MODEL.threshold, MODEL.embedder) == (20, 2, 0.985, "local")
    assert FORMAT == 1
    policy = CachePolicy.of(MODEL, max_error=0.01)
    assert (policy.explore, policy.threshold, policy.entry_variance) == (0, 0.985, 2)
    assert np.array_equal(policy.covariance, np.eye(len(FEATURES) + 1) / 20)
    assert CachePolicy.of(MODEL, max_error=0.0).threshold == math.inf
    assert shipped() == shipped("local")


def test_an_entry_a_look_and_a_scope_begin_with_nothing() -> None:
    assert (ENTRY.cost_usd, ENTRY.baseline_cost_usd, ENTRY.hits, ENTRY.outcomes, ENTRY.joined) == (0, 0, 0, (), ())
    asked = Asked(scope="s", key="k", question="q")
    assert (asked.is_semantic, asked.is_relaxed, asked.max_tokens) == (True, False, None)
    assert not Embed("q").only_if_known
    assert Find("s", "k", None).limit == 16
    assert not Found().is_checked
    assert not Compare(ENTRY).is_worth_a_call
    assert not hit({}).must_be_checked
    assert CacheScope(scope="s", key="k", question="q", asked="q", has_tenant=True).tenant == 0


def test_a_stream_is_played_where_one_hit_of_fifty_is_checked_and_every_comparison_is_right() -> None:
    world = Conditions()
    assert (world.verify_share, world.missed_agreement, world.false_agreement, world.untold, world.comparisons) == (
        0.02, 0, 0, 0, 16,
    )  # fmt: skip
    settings = EligibilitySettings()
    assert (settings.max_temperature, settings.time_sensitive, settings.detect_time_bound) == (1.0, False, True)


def test_a_learner_keeps_five_wrong_hits_of_a_hundred_checks_the_first_hundred_and_is_wrong_once_in_twenty() -> None:
    defaults = {name: one.default for name, one in inspect.signature(Learner).parameters.items()}
    kept = {"max_error_of_hits": 0.05, "first_checked": 100, "explore": 0.0, "risk": 0.05}
    assert {name: defaults[name] for name in kept} == kept


def test_a_threshold_bounds_no_share_of_hits_and_risks_one_in_twenty_unless_told() -> None:
    assert threshold_for(np.array([0.99, 0.95, 0.91]), budget=9.0) == 0.91
    share = error_budget(500, max_error=0.05, risk=0.05) / 500
    below, above = np.array([1 - share + 1e-4]), np.array([1 - share - 1e-4])
    assert threshold_for(below, budget=9.0, max_error_of_hits=0.05) == below[0]
    assert threshold_for(above, budget=9.0, max_error_of_hits=0.05) == math.inf
