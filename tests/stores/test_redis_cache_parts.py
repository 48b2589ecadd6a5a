"""What the Redis cache sends and how it keeps things: command by command, and the cases its contract does not know."""

import math
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stores.cases import entry, vector

from thriftgate.caching.entries import CacheEntry, Observation, PurgeFilter
from thriftgate.stores.redis import cache_codec as codec
from thriftgate.stores.redis import cache_schema as schema
from thriftgate.stores.redis.keys import key_digest
from thriftgate.types import Choice, Usage

# What is asked of the query engine.

NAMES = schema.Names("tg", "tg:cache:v1:space")


def test_the_indexes_are_made_like_this() -> None:
    answers, uses = schema.schemas(NAMES, dimensions=384)
    assert (answers.index.name, answers.index.prefix) == ("tg:cache:v1:space:answers", "tg:cache:v1:space:answer:")
    assert (uses.index.name, uses.index.prefix) == ("tg:cache:v1:space:uses", "tg:cache:v1:space:use:")
    scope, embedding = (" ".join(map(_wire, field.redis_args())) for field in answers.redis_fields)
    assert scope == "scope TAG SEPARATOR ,"
    assert embedding == (
        "embedding VECTOR HNSW 14 TYPE FLOAT32 DIM 384 DISTANCE_METRIC COSINE"
        " M 16 EF_CONSTRUCTION 200 EF_RUNTIME 200 EPSILON 0.01"
    )
    assert [" ".join(map(_wire, field.redis_args())) for field in uses.redis_fields] == [
        "scope TAG SEPARATOR , SORTABLE",
        "route TAG SEPARATOR , SORTABLE",
        "tags TAG SEPARATOR ,",
        "prompt TAG SEPARATOR ,",
        "collection TAG SEPARATOR ,",
        "entry_id TAG SEPARATOR ,",
        "hits NUMERIC SORTABLE",
        "used_at NUMERIC SORTABLE",
    ]


def _wire(argument: object) -> str:
    """An argument as redis-py sends it: an enumeration of texts by its value."""
    return str.__str__(argument) if isinstance(argument, str) else str(argument)


def test_the_nearest_neighbours_are_asked_for_like_this() -> None:
    command = schema.nearest_command(NAMES, "dabc", b"\x00\x01", limit=8)
    assert command == (
        "FT.SEARCH", "tg:cache:v1:space:answers",
        "(@scope:{dabc})=>[KNN 12 @embedding $vector EF_RUNTIME $EF AS vector_distance]",
        "RETURN", 4, "body", "outcomes", "embedding", "vector_distance", "SORTBY", "vector_distance", "ASC",
        "DIALECT", 2, "LIMIT", 0, 12, "PARAMS", 4, "vector", b"\x00\x01", "EF", 200,
    )  # fmt: skip


texts = st.text() | st.sampled_from(["", "a|b", "{x}", "*", "a,b", "@route:{x}", "\\", "'; --", "12e45", "\ud800"])


@given(st.builds(PurgeFilter, **dict.fromkeys(["route", "scope", "tag", "collection"], st.none() | texts)), texts)
def test_no_text_reaches_a_query_as_it_is(what: PurgeFilter, version: str) -> None:
    given_conditions = [what.route, what.scope, what.tag, what.collection]
    for purged in (what, replace(what, prompt_versions_not=(version, f"{version}2"), entry_id=version)):
        query = str(schema.purged(purged))
        assert set(query) <= set("abcdefghijklmnopqrstuvwxyz0123456789_@:{}()- *")
        assert query.count("@") == sum(text is not None for text in given_conditions) + 3 * (purged is not what)


def test_purging_without_conditions_matches_everything() -> None:
    assert str(schema.purged(PurgeFilter())) == "*"


def test_another_layout_or_embedder_is_outdated_and_another_application_is_not() -> None:
    names = schema.Names.of(fingerprint="minilm", dimensions=384)
    others = [schema.Names.of(fingerprint="other", dimensions=384), schema.Names.of(fingerprint="minilm", dimensions=8)]
    assert len({names.base, *(other.base for other in others)}) == 3
    assert all(names.is_outdated(other.answers) for other in others)
    assert names.is_outdated("thriftgate:cache:v0:x:answers")
    assert not any(map(names.is_outdated, [names.answers, names.uses, "app:cache:v1:answers", "thriftgate:x"]))


# How entries are kept.

numbers = st.floats(0, 2e9)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
choices = st.builds(
    Choice,
    message=st.dictionaries(texts, json_values, max_size=3),
    finish_reason=st.none() | texts,
    logprobs=st.none() | st.dictionaries(texts, json_values, max_size=2),
)
observations = st.builds(
    Observation,
    entry_id=st.just("id"),
    scope=st.just("scope"),
    route=st.just("support"),
    similarity=st.floats(0, 1),
    features=st.dictionaries(texts, st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    is_correct=st.booleans(),
    observed_at=numbers,
    source=texts,
)
entries = st.builds(
    CacheEntry,
    entry_id=st.just("id"),
    scope=st.just("scope"),
    key=texts,
    route=st.just("support"),
    question=texts,
    embedding=st.none(),
    choices=st.lists(choices, max_size=3).map(tuple),
    model=texts,
    usage=st.builds(Usage, *[st.integers(0, 10**9)] * 4, st.booleans()),
    cost_usd=numbers,
    baseline_cost_usd=numbers,
    created_at=numbers,
    expires_at=numbers,
    stale_at=st.none() | numbers,
    tags=st.lists(texts, max_size=3).map(tuple),
    prompt_version=texts,
    collection=texts,
    hits=st.integers(0, 10**9),
    answer_group=texts,
    joined=st.lists(texts, max_size=3).map(tuple),
)


def written(fields: codec.Fields) -> dict[bytes, bytes]:
    """A hash as it comes back from Redis."""
    return {_bytes(name): _bytes(value) for name, value in fields.items()}


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("ascii")


@given(entries, st.lists(observations, max_size=4))
def test_every_entry_comes_back_as_it_was(kept: CacheEntry, outcomes: list[Observation]) -> None:
    fields = written(codec.answer_fields(kept, None))
    fields[b"outcomes"] = "".join(codec.outcome_line(outcome) + "\n" for outcome in outcomes).encode("ascii")
    in_order = tuple(sorted(outcomes, key=lambda outcome: outcome.observed_at))
    assert codec.decode_entry(fields) == replace(kept, outcomes=in_order)
    again = codec.decode_entry(fields, hits=7)
    assert again is not None
    assert again.hits == 7


@given(observations)
def test_every_observation_comes_back_as_it_was(seen: Observation) -> None:
    assert codec.decode_observation(written(codec.observation_fields(seen))) == seen


@given(entries)
def test_the_hash_of_uses_holds_digests_and_numbers_only(kept: CacheEntry) -> None:
    fields = written(codec.use_fields(kept, used_at=12.5))
    assert set(b"".join(fields.values())) <= set(b"abcdef0123456789,.")
    tags = fields.get(b"tags", b"").split(b",")
    assert all(key_digest(tag).encode() in tags for tag in kept.tags)


def test_a_vector_comes_back_to_the_last_bit_and_may_be_changed() -> None:
    fields = written(codec.answer_fields(entry("a"), vector(3)))
    found = codec.decode_entry(fields)
    assert found is not None
    assert found.embedding is not None
    assert np.array_equal(found.embedding, vector(3))
    found.embedding[0] = 1


def test_mappings_and_tuples_of_a_message_are_kept_as_json() -> None:
    message = MappingProxyType({"role": "assistant", "parts": ({"a": 1}, MappingProxyType({"b": 2}))})
    found = codec.decode_entry(written(codec.answer_fields(entry("a", choices=(Choice(message),)), None)))
    assert found is not None
    assert found.choices[0].message == {"role": "assistant", "parts": [{"a": 1}, {"b": 2}]}


def test_an_entry_that_ended_meanwhile_is_none() -> None:
    assert codec.decode_entry({}) is None
    assert codec.decode_entry(codec.fields_of(None)) is None


@given(st.floats(-1e-6, 2 + 1e-6))
def test_a_similarity_is_in_0_to_1_whatever_the_distance(distance: float) -> None:
    similarity = codec.similarity_of(repr(distance).encode())
    assert 0 <= similarity <= 1
    assert similarity == pytest.approx(max(0, 1 - distance), abs=2e-6)


@pytest.mark.parametrize("empty", [np.zeros(8), np.full(8, math.nan), np.full(8, math.inf)], ids=["0", "nan", "inf"])
def test_a_vector_without_a_direction_is_none(empty: Any) -> None:
    assert codec.unit(empty.astype(np.float32), dimensions=8) is None


def test_a_vector_of_another_embedder_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match=r"shape \(384,\), not \(8,\)"):
        codec.unit(vector(1, dimensions=384), dimensions=8)
