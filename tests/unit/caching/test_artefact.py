"""The file that a cache's learned decision is kept in: written, read back, refused with every reason."""

import json
import math
from typing import Any

import pytest

from thriftgate.caching.artefact import CacheModel, shipped
from thriftgate.caching.evidence import FEATURES
from thriftgate.errors import ConfigurationError


@pytest.mark.parametrize("embedder", ["local", "fast", "multilingual"])
def test_the_artefact_survives_being_written(embedder: str) -> None:
    model = shipped(embedder)
    assert CacheModel.from_json(model.to_json()) == model
    assert model.embedder == embedder


def test_each_embedder_has_an_artefact_of_its_own_made_alike() -> None:
    local, fast = shipped(), shipped("fast")
    assert local.weights != fast.weights
    assert local.calibrated_on.split("),")[:-1] == fast.calibrated_on.split("),")[:-1]  # the same questions
    assert "static vectors" in fast.calibrated_on
    assert fast.mean["similarity"] != pytest.approx(local.mean["similarity"], abs=0.01)


def test_an_artefact_of_before_was_made_with_minilm() -> None:
    data = json.loads(shipped().to_json())
    del data["embedder"]
    assert CacheModel.from_json(json.dumps(data)) == shipped()


def test_an_artefact_of_another_embedder_is_refused_by_name() -> None:
    shipped().check(embedder="local", source="my.json")
    with pytest.raises(
        ConfigurationError, match=r"^my\.json: it was made with the embedder 'fast', and embedder\.model"
    ) as said:
        shipped("fast").check(embedder="local", source="my.json")
    assert "`thriftgate cache tune --embedder local --write`" in str(said.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2 is not 1"),
        ({"intercept": None}, "'intercept' must be a finite number"),
        ({"intercept": math.inf}, "'intercept' must be a finite number"),
        ({"weights": {}}, "'weights' must have exactly the features"),
        ({"weights": 1}, "'weights' must map feature names to numbers"),
        ({"scale": dict.fromkeys(FEATURES, 0)}, "every 'scale' must be above 0"),
        ({"mean": dict.fromkeys(FEATURES, "x")}, "'mean.similarity' must be a finite number"),
        ({"threshold": 0}, "'threshold' must be above 0"),
        ({"threshold": 1.01}, "'threshold' must be above 0 and at most 1"),
        ({"prior_precision": 0}, "'prior_precision' must be above 0"),
        ({"embedder": 1}, "'embedder' must be a string"),
        ({"surprise": 1}, "'surprise' is unknown"),
    ],
)
def test_a_bad_artefact_says_what_is_wrong(change: dict[str, Any], message: str) -> None:
    data = json.loads(shipped().to_json()) | change
    with pytest.raises(ConfigurationError, match=r"^my\.json: ") as caught:
        CacheModel.from_json(json.dumps(data), source="my.json")
    assert message in str(caught.value)


def test_a_threshold_of_one_is_a_threshold_and_none_is_no_mistake() -> None:
    data = json.loads(shipped().to_json())
    assert CacheModel.from_json(json.dumps(data | {"threshold": 1})).threshold == 1
    del data["threshold"]
    CacheModel.from_json(json.dumps(data))


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is no JSON"), ("[]", "must be a JSON object"), ("{}", "format None")]
)
def test_what_is_no_artefact_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CacheModel.from_json(text)


def test_every_missing_field_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        CacheModel.from_json('{"format": 1, "weights": {}, "mean": {}, "scale": {}}')
    assert "'calibrated_on' is missing" in str(caught.value)
    assert "'intercept' is missing" in str(caught.value)
