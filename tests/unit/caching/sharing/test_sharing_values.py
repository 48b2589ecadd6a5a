"""Where a character, a level or a tenth decides whether an answer may be shared."""

import json
from dataclasses import replace
from typing import Any

import pytest

from thriftgate.caching.artefact import CacheModel, shipped
from thriftgate.caching.sharing.canonical import digest
from thriftgate.caching.sharing.eligibility import Eligibility, EligibilitySettings, may_serve, may_store
from thriftgate.caching.sharing.scope import ScopeSettings, tenant_of
from thriftgate.caching.warm_file import read_warm_lines
from thriftgate.errors import ConfigurationError
from thriftgate.types import Answer, Caller, ChatRequest, Choice

QUESTION = "How do I reset my password?"
REQUEST = ChatRequest(request_id="r", route="support", messages=({"role": "user", "content": QUESTION},))


def stored(text: str, finish_reason: str = "stop") -> Eligibility:
    choice = Choice({"role": "assistant", "content": text}, finish_reason)
    return may_store(REQUEST, QUESTION, Answer(choices=(choice,), model="small"), settings=EligibilitySettings()).reason


@pytest.mark.parametrize(("length", "reason"), [(400, Eligibility.REFUSED), (401, Eligibility.ELIGIBLE)])
def test_a_refusal_of_four_hundred_characters_is_short(length: int, reason: Eligibility) -> None:
    assert stored("I can't help with that. ".ljust(length, "x")) is reason
    assert stored("  " + "I can't help with that. ".ljust(length, "x") + "\n") is reason


@pytest.mark.parametrize(
    ("params", "most", "is_fine"),
    [
        ({}, 1.0, True), ({}, 0.99, False), ({"temperature": 1}, 1.0, True), ({"temperature": 1.01}, 1.0, False),
        ({"temperature": 0.5}, 0.5, True), ({"temperature": "hot"}, 1.0, True), ({"temperature": None}, 0.9, False),
    ],
)  # fmt: skip
def test_a_temperature_up_to_the_limit_is_fine_and_none_is_one(
    params: dict[str, Any], most: float, is_fine: bool
) -> None:
    found = may_serve(
        replace(REQUEST, params=params), QUESTION, settings=EligibilitySettings(max_temperature=most)
    ).is_allowed
    assert found is is_fine


@pytest.mark.parametrize("reason", ["stop", "end_turn", "stop_sequence", "eos"])
def test_an_answer_that_ended_by_itself_is_whole(reason: str) -> None:
    assert stored("Open the settings.", reason) is Eligibility.ELIGIBLE
    assert stored("Open the settings.", reason + "?") is Eligibility.UNFINISHED


@pytest.mark.parametrize("kind", [list, dict])
def test_values_are_nested_up_to_a_hundred_and_twenty_eight_levels(kind: type) -> None:
    def nested(levels: int) -> object:
        value: object = kind()
        for _ in range(levels - 1):
            value = [value] if kind is list else {"a": value}
        return value

    assert len(digest(nested(128))) == 64
    with pytest.raises(TypeError, match="deeper than 128 levels"):
        digest(nested(129))


def test_a_long_value_has_one_digest_whatever_is_hashed_together() -> None:
    for length in (254, 255, 256, 257, 600):
        assert digest(list(range(length))) != digest([*range(length - 1), 0])
        assert digest(list(range(length))) == digest(tuple(range(length)))


def test_a_persons_key_and_end_user_share_with_nobody_else() -> None:
    settings = ScopeSettings(tenant="user")
    both = Caller(key_hash="k", team_id="t", user_id="u", end_user_id="e")
    assert tenant_of(both, settings) == ["team", "t", "user", "u", "e"]
    assert tenant_of(replace(both, end_user_id="u"), settings) == ["team", "t", "user", "u"]
    assert tenant_of(replace(both, team_id=None), settings) == ["key", "k", "user", "u", "e"]
    assert tenant_of(Caller(key_hash="k", team_id="t"), settings) == ["key", "k"]
    assert tenant_of(Caller(team_id="t"), settings) is None
    assert tenant_of(both, ScopeSettings(tenant="key")) == ["key", "k"]


@pytest.mark.parametrize(("length", "problems"), [(63, 1), (64, 0), (65, 1)])
def test_a_scope_in_a_file_has_sixty_four_digits(length: int, problems: int) -> None:
    line = json.dumps({"question": "x", "answer": "y", "scope": "a" * length})
    assert len(read_warm_lines([line]).problems) == problems


@pytest.mark.parametrize(
    ("change", "is_fine"),
    [
        ({"entry_variance": 0}, True), ({"entry_variance": -0.01}, False), ({"prior_precision": 0.01}, True),
        ({"prior_precision": -1}, False), ({"threshold": 0.001}, True), ({"threshold": -0.1}, False),
        ({"threshold": True}, False), ({"examples": False}, False),
    ],
)  # fmt: skip
def test_an_artefacts_numbers_have_bounds(change: dict[str, Any], is_fine: bool) -> None:
    text = json.dumps(json.loads(shipped().to_json()) | change)
    if is_fine:
        CacheModel.from_json(text)
        return
    with pytest.raises(ConfigurationError):
        CacheModel.from_json(text)


def test_a_scale_just_above_nothing_is_one() -> None:
    data = json.loads(shipped().to_json())
    first = next(iter(data["scale"]))
    for value, is_fine in ((1e-9, True), (0, False), (-1, False)):
        text = json.dumps(data | {"scale": data["scale"] | {first: value}})
        if is_fine:
            assert CacheModel.from_json(text).scale[first] == value
        else:
            with pytest.raises(ConfigurationError, match="above 0"):
                CacheModel.from_json(text)
