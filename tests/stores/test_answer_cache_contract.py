"""What every answer cache must do, whatever it is made of."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.stores.cases import DIMENSIONS, entry, observation, vector

from thriftgate.caching.entries import CacheEntry, Neighbour, PurgeFilter
from thriftgate.caching.lookup import NO_KEY
from thriftgate.ports import AnswerCache
from thriftgate.types import Choice, Usage

examples = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


async def keep(store: AnswerCache, *entries: CacheEntry) -> None:
    for kept in entries:
        await store.store(kept)


async def keys_near(store: AnswerCache, seed: int, *, scope: str = "scope", limit: int = 8) -> Sequence[str]:
    found = await store.lookup(scope, "no such key", vector(seed), limit=limit)
    return [neighbour.entry.key for neighbour in found.neighbours]


async def test_an_empty_store_finds_nothing(store: AnswerCache) -> None:
    found = await store.lookup("scope", "key", vector(1))
    assert found.exact is None
    assert found.neighbours == ()


async def test_what_is_stored_comes_back_as_it_was(store: AnswerCache) -> None:
    kept = entry(
        "a",
        choices=(
            Choice({"role": "assistant", "content": "yes", "x": [1, {"y": None}]}, "stop", {"content": [{"a": 0.5}]}),
            Choice({"role": "assistant", "content": None, "refusal": "no"}, None),
        ),
        usage=Usage(1, 2, 3, 4, is_estimated=True),
        tags=("pricing", "eu"),
        prompt_version="v7",
        collection="help",
        stale_at=time.time() + 60,
        hits=5,
        answer_group="those that say the same",
        joined=("g", "naïve \x00 \ud800"),
    )
    await store.store(kept)
    found = await store.lookup(kept.scope, kept.key, None)
    assert found.exact is not None
    assert replace(found.exact, embedding=None) == replace(kept, embedding=None)
    assert found.neighbours == ()


async def test_a_neighbour_brings_its_answer_group_along(store: AnswerCache) -> None:
    await keep(store, entry("a", embedding=vector(1), answer_group="g", body={"id": "x"}), entry("b"))
    found = await store.lookup("scope", "no such key", vector(1))
    assert {near.entry.key: near.entry.group for near in found.neighbours} == {"key-a": "g", "key-b": "id-b"}


async def test_a_neighbour_brings_the_groups_along_that_its_answer_joined(store: AnswerCache) -> None:
    await keep(store, entry("a", embedding=vector(1), answer_group="g", joined=("h", "i")), entry("b"))
    found = await store.lookup("scope", "no such key", vector(1))
    assert {near.entry.key: near.entry.joined for near in found.neighbours} == {"key-a": ("h", "i"), "key-b": ()}


async def test_a_look_up_by_vector_finds_the_exact_key_and_then_it_alone(store: AnswerCache) -> None:
    await keep(store, entry("a", embedding=vector(1)), entry("b", embedding=vector(2)))
    found = await store.lookup("scope", "key-a", vector(2))
    assert found.exact is not None
    assert (found.exact.key, found.neighbours) == ("key-a", ())


async def test_without_a_key_the_nearest_are_found_whichever_they_are(store: AnswerCache) -> None:
    await keep(store, entry("a", embedding=vector(1)), entry("b", embedding=vector(2)))
    found = await store.lookup("scope", NO_KEY, vector(2))
    assert found.exact is None
    assert [neighbour.entry.key for neighbour in found.neighbours] == ["key-b", "key-a"]
    assert found.neighbours[0].similarity == pytest.approx(1.0, abs=1e-5)


async def test_where_the_exact_key_has_expired_the_nearest_are_found(store: AnswerCache) -> None:
    await keep(store, entry("old", expires_at=time.time() - 60, embedding=vector(1)), entry("b", embedding=vector(1)))
    found = await store.lookup("scope", "key-old", vector(1))
    assert found.exact is None
    assert [neighbour.entry.key for neighbour in found.neighbours] == ["key-b"]


async def test_the_exact_key_is_found_even_where_it_is_no_neighbour(store: AnswerCache) -> None:
    await keep(store, entry("far", embedding=-vector(1)), *(entry(f"n{i}", embedding=vector(1)) for i in range(5)))
    found = await store.lookup("scope", "key-far", vector(1), limit=2)
    assert found.exact is not None
    assert found.exact.key == "key-far"


async def test_an_entry_without_a_vector_is_found_by_its_key_only(store: AnswerCache) -> None:
    await store.store(entry("a", embedding=None))
    assert (await store.lookup("scope", "key-a", None)).exact is not None
    assert await keys_near(store, 1) == []


async def test_opposite_vectors_have_similarity_zero_not_less(store: AnswerCache) -> None:
    await store.store(entry("a", embedding=-vector(1)))
    found = await store.lookup("scope", "other", vector(1))
    assert [neighbour.similarity for neighbour in found.neighbours] == [0.0]


async def test_storing_the_same_key_again_replaces_answer_and_vector(store: AnswerCache) -> None:
    await store.store(entry("a", embedding=vector(1)))
    renewed = entry(
        "a", entry_id="new", embedding=-vector(1), choices=(Choice({"role": "assistant", "content": "new"}),)
    )
    await store.store(renewed)
    found = await store.lookup("scope", "key-a", -vector(1))
    assert found.exact is not None
    assert found.exact.choices == renewed.choices
    near = (await store.lookup("scope", NO_KEY, -vector(1))).neighbours
    assert [(n.entry.entry_id, round(n.similarity, 3)) for n in near] == [("new", 1.0)]


async def test_storing_the_same_key_without_a_vector_forgets_the_old_vector(store: AnswerCache) -> None:
    await keep(store, entry("a", embedding=vector(1)), entry("a", embedding=None))
    assert await keys_near(store, 1) == []


async def test_an_expired_entry_is_never_served(store: AnswerCache) -> None:
    past = time.time() - 1
    await keep(store, entry("old", expires_at=past, embedding=vector(1)), entry("new", embedding=vector(2)))
    assert (await store.lookup("scope", "key-old", None)).exact is None
    found = await store.lookup("scope", "key-old", vector(1))
    assert found.exact is None
    assert [neighbour.entry.key for neighbour in found.neighbours] == ["key-new"]
    assert [kept.key async for kept in store.entries()] == ["key-new"]


async def test_expired_entries_do_not_take_the_places_of_live_ones(store: AnswerCache) -> None:
    past = time.time() - 1
    await keep(store, *(entry(f"old{i}", expires_at=past, embedding=vector(1)) for i in range(20)))
    await keep(store, *(entry(f"new{i}", embedding=vector(100 + i)) for i in range(4)))
    assert sorted(await keys_near(store, 1, limit=4)) == [f"key-new{i}" for i in range(4)]


async def test_scopes_do_not_see_each_other(store: AnswerCache) -> None:
    await keep(store, entry("a", scope="one", embedding=vector(1)), entry("a", scope="two", embedding=vector(2)))
    assert (await store.lookup("three", "key-a", vector(1))) == (await store.lookup("three", "key-a", None))
    found = await store.lookup("one", "key-a", vector(2))
    assert found.exact is not None
    assert found.exact.scope == "one"
    near = (await store.lookup("one", NO_KEY, vector(2))).neighbours
    assert [neighbour.entry.scope for neighbour in near] == ["one"]


awkward = st.text(st.sampled_from("ab\\0\x00 {}:|-_*\"'%u\u2400\ufffdé😀"), min_size=1, max_size=5)


@examples
@given(scopes=st.lists(awkward, min_size=2, max_size=6, unique=True), seed=st.integers(0, 50))
async def test_no_two_scopes_share_an_answer(store: AnswerCache, scopes: list[str], seed: int) -> None:
    await store.purge(PurgeFilter())
    for name in scopes:
        await store.store(entry("a", scope=name, question=name, embedding=vector(seed)))
    for name in scopes:
        found = await store.lookup(name, "key-a", vector(seed))
        assert found.exact is not None
        assert (found.exact.scope, found.exact.question) == (name, name)
        near = (await store.lookup(name, NO_KEY, vector(seed))).neighbours
        assert [neighbour.entry.scope for neighbour in near] == [name]


@examples
@given(
    seeds=st.lists(st.integers(0, 10_000), min_size=1, max_size=30, unique=True),
    asked=st.integers(0, 10_000),
    limit=st.integers(1, 8),
)
async def test_neighbours_are_those_of_a_brute_force_search(
    store: AnswerCache, seeds: list[int], asked: int, limit: int
) -> None:
    await store.purge(PurgeFilter())
    await keep(store, *(entry(str(seed), embedding=vector(seed)) for seed in seeds))
    found = await store.lookup("scope", "none", vector(asked), limit=limit)
    cosines = np.sort(np.clip([vector(seed) @ vector(asked) for seed in seeds], 0, 1))[::-1][:limit]
    assert [neighbour.similarity for neighbour in found.neighbours] == pytest.approx(cosines, abs=1e-5)


async def test_similarity_is_the_cosine_whatever_the_length_of_the_vectors(store: AnswerCache) -> None:
    await store.store(entry("a", embedding=3 * vector(1)))
    found = await store.lookup("scope", "none", 0.2 * vector(1))
    assert [neighbour.similarity for neighbour in found.neighbours] == [pytest.approx(1.0, abs=1e-5)]


async def test_a_vector_without_direction_matches_nothing(store: AnswerCache) -> None:
    await store.store(entry("a"))
    found = await store.lookup("scope", "key-a", np.zeros(DIMENSIONS, np.float32))
    assert found.exact is not None
    assert found.neighbours == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "a\x00b\\0",
        "\ud800",
        "\\u0000",
        "naïve, 日本語 😀 \u202e",
        "'; DROP TABLE x; --",
        "{$}@*|\\",
        "\r\n\t",
    ],
    ids=repr,
)
async def test_any_text_comes_back_unchanged(store: AnswerCache, text: str) -> None:
    kept = entry("a", question=text, choices=(Choice({"role": "assistant", "content": text}, "stop"),), tags=(text,))
    await store.store(kept)
    found = await store.lookup("scope", "key-a", kept.embedding)
    assert found.exact is not None
    assert (found.exact.question, found.exact.choices, found.exact.tags) == (text, kept.choices, (text,))
    assert len((await store.lookup("scope", NO_KEY, kept.embedding)).neighbours) == 1


async def test_an_answer_of_a_megabyte_is_kept_whole(store: AnswerCache) -> None:
    text = "".join(chr(32 + i % 5000) for i in range(1_000_000))
    await store.store(entry("a", question=text, choices=(Choice({"role": "assistant", "content": text}),)))
    found = await store.lookup("scope", "key-a", None)
    assert found.exact is not None
    assert found.exact.question == text
    assert found.exact.choices[0].text == text


async def test_touches_are_counted_once_each_and_for_one_entry_only(store: AnswerCache) -> None:
    await keep(store, entry("a"), entry("b"))
    await asyncio.gather(*(store.touch("scope", "id-a") for _ in range(10)))
    await store.touch("scope", "id-a", hits=5)
    await store.touch("other scope", "id-b")
    await store.touch("scope", "no such entry")
    hits = {kept.key: kept.hits async for kept in store.entries()}
    assert hits == {"key-a": 15, "key-b": 0}


async def test_outcomes_come_with_the_entry_oldest_first(store: AnswerCache) -> None:
    await store.store(entry("a", embedding=vector(1)))
    seen = [
        observation("id-a", observed_at=1000.0 + i, is_correct=i % 2 == 0, features={"overlap": i / 7}, source="judge")
        for i in range(3)
    ]
    for outcome in reversed(seen):
        await store.observe(outcome)
    await store.observe(observation("id-a", scope="other scope"))
    await store.observe(observation("id-b"))
    found = await store.lookup("scope", "key-a", vector(1))
    assert found.exact is not None
    assert found.exact.outcomes == tuple(seen)
    near = (await store.lookup("scope", NO_KEY, vector(1))).neighbours
    assert near[0].entry.outcomes == tuple(seen)


async def test_only_the_latest_64_outcomes_come_with_the_entry(store: AnswerCache) -> None:
    await store.store(entry("a"))
    for i in range(70):
        await store.observe(observation("id-a", observed_at=float(i)))
    found = await store.lookup("scope", "key-a", None)
    assert found.exact is not None
    assert [outcome.observed_at for outcome in found.exact.outcomes] == [float(i) for i in range(6, 70)]


async def test_observations_of_a_route_come_newest_first_up_to_a_limit(store: AnswerCache) -> None:
    for i in range(5):
        await store.observe(observation(f"id-{i}", observed_at=float(i), route="support" if i else "billing"))
    assert [seen.observed_at for seen in await store.observations("support", limit=3)] == [4.0, 3.0, 2.0]
    assert [seen.entry_id for seen in await store.observations("billing")] == ["id-0"]
    assert list(await store.observations("none")) == []


async def test_features_that_are_no_numbers_do_not_lose_an_observation(store: AnswerCache) -> None:
    await store.observe(observation("id-a", features={"good": 0.5, "bad": float("nan"), "worse": float("inf")}))
    (seen,) = await store.observations("support")
    assert seen.features["good"] == 0.5
    assert set(seen.features) == {"good"}


PURGED = {
    "route": (PurgeFilter(route="billing"), {"b"}),
    "scope": (PurgeFilter(scope="two"), {"c"}),
    "tag": (PurgeFilter(tag="pricing"), {"a", "d"}),
    "entry_id": (PurgeFilter(entry_id="id-d"), {"d"}),
    "version": (PurgeFilter(prompt_version="v1"), {"a", "b", "c"}),
    "version and its opposite": (PurgeFilter(prompt_version="v1", prompt_versions_not=("v1",)), set[str]()),
    "other versions": (PurgeFilter(prompt_versions_not=("v2",)), {"a", "b", "c"}),
    "other versions than several": (PurgeFilter(prompt_versions_not=("v2", "v1", "v0")), set[str]()),
    "collection": (PurgeFilter(collection="help"), {"b", "d"}),
    "two conditions": (PurgeFilter(tag="pricing", collection="help"), {"d"}),
    "one entry of its scope": (PurgeFilter(scope="two", entry_id="id-c"), {"c"}),
    "an entry of another scope": (PurgeFilter(scope="two", entry_id="id-d"), set[str]()),
    "nothing that exists": (PurgeFilter(route="none"), set[str]()),
    "everything": (PurgeFilter(), {"a", "b", "c", "d"}),
}


@pytest.mark.parametrize("case", PURGED)
async def test_purging_forgets_what_matches_every_condition_and_nothing_else(store: AnswerCache, case: str) -> None:
    what, gone = PURGED[case]
    await keep(
        store,
        entry("a", tags=("pricing", "eu"), prompt_version="v1"),
        entry("b", route="billing", collection="help", prompt_version="v1"),
        entry("c", scope="two", prompt_version="v1"),
        entry("d", tags=("pricing",), collection="help", prompt_version="v2"),
    )
    assert await store.purge(what) == len(gone)
    assert {kept.key async for kept in store.entries()} == {f"key-{name}" for name in "abcd" if name not in gone}
    for name in "abcd":
        scope = "two" if name == "c" else "scope"
        assert ((await store.lookup(scope, f"key-{name}", None)).exact is None) == (name in gone)


async def test_a_purged_entry_is_no_neighbour_any_more(store: AnswerCache) -> None:
    await keep(store, *(entry(str(i), embedding=vector(i)) for i in range(6)))
    await store.purge(PurgeFilter(entry_id="id-1"))
    assert "key-1" not in await keys_near(store, 1)


async def test_eviction_keeps_the_most_used_entries_of_the_route(store: AnswerCache) -> None:
    await keep(store, *(entry(name) for name in "abcd"), entry("z", route="billing"))
    for name, times in {"a": 2, "b": 1, "c": 1}.items():
        for _ in range(times):
            await store.touch("scope", f"id-{name}")
    assert await store.evict("support", keep=2) == 2
    assert {kept.key async for kept in store.entries()} == {"key-a", "key-c", "key-z"}
    assert await store.evict("support", keep=2) == 0


async def test_stats_count_per_route(store: AnswerCache) -> None:
    await keep(store, entry("a"), entry("b", scope="two"), entry("c", route="billing"))
    await keep(store, entry("old", expires_at=time.time() - 1))
    await store.touch("scope", "id-a")
    await store.observe(observation("id-a"))
    await store.observe(observation("id-a", is_correct=False))
    found = {stats.route: stats for stats in await store.stats()}
    assert set(found) == {"support", "billing"}
    support = found["support"]
    assert (support.entries, support.hits, support.scopes) == (2, 1, 2)
    assert (support.observations, support.wrong_observations) == (2, 1)
    assert (found["billing"].entries, found["billing"].observations) == (1, 0)


async def test_entries_are_streamed_for_one_route_or_all(store: AnswerCache) -> None:
    await keep(store, *(entry(f"{i:03}", embedding=vector(i)) for i in range(250)))
    await store.store(entry("other", route="billing"))
    assert [kept.key async for kept in store.entries("billing")] == ["key-other"]
    exported = [kept async for kept in store.entries("support")]
    assert sorted(kept.key for kept in exported) == [f"key-{i:03}" for i in range(250)]
    first = min(exported, key=lambda kept: kept.key)
    assert first.embedding is not None
    assert first.embedding == pytest.approx(vector(0), abs=1e-6)


async def test_concurrent_stores_of_one_key_leave_exactly_one_entry(store: AnswerCache) -> None:
    await asyncio.gather(*(store.store(entry("a", entry_id=f"id-{i}", embedding=vector(i))) for i in range(20)))
    kept = [found async for found in store.entries()]
    assert len(kept) == 1
    assert len(await keys_near(store, 1)) == 1


async def test_look_ups_and_stores_may_run_at_the_same_time(store: AnswerCache) -> None:
    async def ask(i: int) -> Sequence[Neighbour]:
        await store.store(entry(str(i), embedding=vector(i)))
        return (await store.lookup("scope", NO_KEY, vector(i), limit=1)).neighbours

    found = await asyncio.gather(*(ask(i) for i in range(40)))
    assert [neighbours[0].entry.key for neighbours in found] == [f"key-{i}" for i in range(40)]


async def test_what_has_expired_goes_and_nothing_else_does(store: AnswerCache) -> None:
    await store.prepare()
    await keep(store, entry("old", expires_at=time.time() - 60), entry("new"))
    await store.delete_expired()
    assert (await store.lookup("scope", "key-old", None)).exact is None
    assert (await store.lookup("scope", "key-new", None)).exact is not None
