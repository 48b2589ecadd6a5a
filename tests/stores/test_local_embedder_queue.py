"""The order of waiting texts, their company, and the memory of recent vectors: pure, so tested by properties."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.stores.minilm.queue import QueuedText, TextQueue, length_groups
from thriftgate.stores.recent_vectors import RecentVectors

callers_texts = st.lists(st.lists(st.text(max_size=40), min_size=1, max_size=12), max_size=6)


def rounds_of(queue: TextQueue[int], *, max_texts: int, max_bytes: int) -> list[list[QueuedText[int]]]:
    rounds: list[list[QueuedText[int]]] = []
    while batch := queue.next_round(max_texts=max_texts, max_bytes=max_bytes):
        rounds.append(batch)
    return rounds


def filled(callers: list[list[str]]) -> TextQueue[int]:
    queue: TextQueue[int] = TextQueue()
    for caller, texts in enumerate(callers):
        queue.add(caller, texts)
    return queue


@given(callers_texts, st.integers(1, 8), st.integers(0, 100))
def test_every_text_is_served_once_and_in_its_callers_order(
    callers: list[list[str]], max_texts: int, max_bytes: int
) -> None:
    served: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for batch in rounds_of(filled(callers), max_texts=max_texts, max_bytes=max_bytes):
        for queued in batch:
            served[queued.caller].append((queued.position, queued.text))
    assert served == {caller: list(enumerate(texts)) for caller, texts in enumerate(callers)}


@given(callers_texts, st.integers(1, 8), st.integers(0, 100))
def test_a_round_is_never_fuller_than_allowed_unless_it_is_one_text(
    callers: list[list[str]], max_texts: int, max_bytes: int
) -> None:
    for batch in rounds_of(filled(callers), max_texts=max_texts, max_bytes=max_bytes):
        assert len(batch) <= max_texts
        assert len(batch) == 1 or sum(len(queued.text.encode()) for queued in batch) <= max_bytes


def test_a_script_with_more_tokens_to_a_character_has_fewer_characters_in_a_round() -> None:
    for text, most in (("where is my order, please?", 16), ("荷物はまだ届きません。いつ届くのでしょうか。確認", 13)):
        assert len(filled([[text] * 40]).next_round(max_bytes=1_000)) == most
    assert len(filled([["\ud800" * 300] * 2]).next_round(max_bytes=1_000)) == 1


@given(st.integers(2, 500), st.integers(1, 8))
def test_one_question_is_in_the_next_round_whatever_a_bulk_caller_brought(bulk: int, max_texts: int) -> None:
    queue = filled([["warm-up"] * bulk])
    queue.next_round(max_texts=max_texts, max_bytes=1_000)
    queue.add(1, ["where is my order?"])
    following = [queue.next_round(max_texts=max_texts, max_bytes=1_000) for _ in range(2)]
    assert 1 in {queued.caller for batch in following for queued in batch}


@given(st.integers(1, 40), st.integers(1, 8), st.integers(1, 30))
def test_who_has_had_nothing_does_not_wait_behind_many_who_had_something(
    bulk: int, max_texts: int, rounds: int
) -> None:
    queue = filled([["warm-up"] * 500] * bulk)
    for _ in range(2 * bulk + rounds):
        queue.next_round(max_texts=max_texts, max_bytes=1_000)
    queue.add(bulk, ["where is my order?"])
    following = [queue.next_round(max_texts=max_texts, max_bytes=1_000) for _ in range(2)]
    assert bulk in {queued.caller for batch in following for queued in batch}


@given(st.integers(1, 3))
def test_who_waits_has_a_text_in_every_second_round_however_many_are_new(max_texts: int) -> None:
    queue = filled([["warm-up"] * 500])
    taken = [queue.next_round(max_texts=max_texts)]
    for caller in range(1, 40):
        for number in range(4):
            queue.add(caller * 10 + number, ["new"])
        taken.append(queue.next_round(max_texts=max_texts))
    has_some = [any(queued.caller == 0 for queued in batch) for batch in taken]
    assert all(one or other for one, other in pairwise(has_some))


@given(callers_texts, st.integers(0, 5))
def test_a_dropped_caller_is_served_no_more_and_the_others_all_the_same(callers: list[list[str]], dropped: int) -> None:
    queue = filled(callers)
    queue.drop(dropped)
    left = [queued for batch in rounds_of(queue, max_texts=4, max_bytes=50) for queued in batch]
    assert len(left) == sum(len(texts) for caller, texts in enumerate(callers) if caller != dropped)
    assert dropped not in {queued.caller for queued in left}


def test_draining_names_who_waited_and_leaves_nothing() -> None:
    queue = filled([["a", "b"], ["c"]])
    assert queue.drain() == [0, 1]
    assert queue.next_round() == []


@given(st.lists(st.integers(2, 256), max_size=40))
def test_groups_hold_every_position_once_and_pad_and_compute_little(lengths: list[int]) -> None:
    groups = length_groups(lengths)
    assert sorted(position for group in groups for position in group) == list(range(len(lengths)))
    for group in groups:
        shortest, longest = min(lengths[place] for place in group), max(lengths[place] for place in group)
        assert longest <= shortest * 1.25 + 4
        assert len(group) == 1 or longest * len(group) <= 256


def vector(value: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(4, value, dtype=np.float32)


@given(st.integers(0, 5), st.lists(st.tuples(st.booleans(), st.sampled_from("abcdefgh")), max_size=60))
def test_the_memory_behaves_like_a_list_that_is_kept_in_order_of_use(
    size: int, actions: list[tuple[bool, str]]
) -> None:
    memory, model = RecentVectors(size), list[str]()
    for is_put, text in actions:
        if is_put:
            memory.put(text, vector(ord(text)))
            model = ([kept for kept in model if kept != text] + [text])[-size:] if size else []
        else:
            found = memory.get(text)
            assert (found is not None) == (text in model)
            if found is not None:
                assert found[0] == ord(text)
                model = [*(kept for kept in model if kept != text), text]
    assert len(memory) == len(model)


def test_what_is_remembered_cannot_be_changed_from_outside() -> None:
    memory, row = RecentVectors(2), vector(1)
    memory.put("a", row)
    row[:] = 7
    found = memory.get("a")
    assert found is not None
    assert found[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 3


def test_a_lone_surrogate_can_be_remembered() -> None:
    memory = RecentVectors(2)
    memory.put("\ud800", vector(1))
    assert memory.get("\ud800") is not None
    assert memory.get("\ud801") is None
