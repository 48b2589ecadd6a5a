"""What a fresh answer teaches, stepped by hand: who is compared, which groups are one, which hit was right."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.comparing import NEAR_ENOUGH, Compare, Settled, settle, verify
from thriftgate.caching.decision import Decision, Explore, Hit, Miss, MissReason
from thriftgate.caching.entries import CacheEntry, Neighbour, united

Says = Callable[[Compare], bool | None]


def entry(name: str, group: str = "", joined: Sequence[str] = ()) -> CacheEntry:
    return CacheEntry(
        entry_id=name, scope="s", key=name, route="r", question=name, embedding=None, choices=(), model="m",
        created_at=0, expires_at=1, answer_group=group, joined=tuple(joined),
    )  # fmt: skip


def near(*entries: CacheEntry) -> tuple[Neighbour, ...]:
    return tuple(Neighbour(one, 0.95 - place / 100) for place, one in enumerate(entries))


def drive(flow: Any, says: Says) -> tuple[list[Compare], Any]:
    """The effects in order, each answered by `says`, and what the generator came to."""
    effects: list[Compare] = []
    sent: bool | None = None
    while True:
        try:
            effect = flow.send(sent)
        except StopIteration as stop:
            return effects, stop.value
        effects.append(effect)
        sent = says(effect)


def by_name(**verdicts: bool | None) -> Says:
    """The fresh answer's verdicts by the entry's name; kept answers are never told apart or together."""
    return lambda effect: None if effect.beside or effect.is_worth_a_call else verdicts.get(effect.entry.entry_id)


def explore(kept: CacheEntry, similarity: float = 0.9) -> Explore:
    return Explore(entry=kept, similarity=similarity, confidence=0.8)


def hit(kept: CacheEntry, *others: CacheEntry) -> Hit:
    return Hit(entry=kept, similarity=0.95, confidence=0.99, others=others)


# A fresh answer and its neighbours


def test_only_near_answers_are_compared_nearest_first() -> None:
    neighbours = [Neighbour(entry("a", "g"), 0.9), Neighbour(entry("b"), NEAR_ENOUGH), Neighbour(entry("c"), 0.49)]
    effects, settled = drive(settle(explore(neighbours[1].entry), neighbours), by_name(a=True, b=False))
    assert effects == [Compare(neighbours[0].entry), Compare(neighbours[1].entry)]
    assert settled == Settled("g", is_correct=False)


@pytest.mark.parametrize("verdict", [True, False, None])
def test_what_the_free_comparison_cannot_tell_is_worth_a_call_where_the_policy_wants_to_know(
    verdict: bool | None,
) -> None:
    kept = entry("a")
    effects, settled = drive(settle(explore(kept), near(kept)), lambda one: verdict if one.is_worth_a_call else None)
    assert effects == [Compare(kept), Compare(kept, is_worth_a_call=True)]
    assert settled == Settled("", is_correct=verdict)
    effects, settled = drive(settle(Miss(reason=MissReason.TOO_FAR), near(kept)), by_name())
    assert (len(effects), settled) == (1, Settled(""))


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], ""),
        ([("a", True)], "a"),
        ([("a", False)], ""),
        ([("a", True), ("a", False)], ""),
        ([("a", True), ("b", True), ("b", True)], "b"),
        ([("b", True), ("a", True)], "b"),
        ([("a", True), ("a", True), ("a", False)], "a"),
    ],
)
def test_a_fresh_answer_joins_the_group_that_most_comparisons_speak_for(
    verdicts: list[tuple[str, bool]], expected: str
) -> None:
    kept = [entry(str(place), group) for place, (group, _) in enumerate(verdicts)]

    def says(effect: Compare) -> bool | None:
        return None if effect.beside else verdicts[int(effect.entry.entry_id)][1]

    _, settled = drive(settle(None, near(*kept)), says)
    assert settled.group == expected
    assert settled.is_correct is None


def test_an_entry_without_a_group_is_one_by_itself() -> None:
    _, settled = drive(settle(None, near(entry("e7"))), by_name(e7=True))
    assert settled.group == "e7"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ((None, True, None), True),
        ((False, True, True), True),
        ((False, False, True), False),
        ((True, False, None), None),
        ((None, None, None), None),
    ],
)
def test_all_answers_that_say_the_same_tell_whether_the_nearly_served_one_was_right(
    verdicts: tuple[bool | None, ...], expected: bool | None
) -> None:
    kept = [entry("a", "g"), entry("b", "g"), entry("c", "g")]
    says = by_name(**dict(zip("abc", verdicts, strict=True)))
    effects, settled = drive(settle(explore(kept[0]), near(*kept)), says)
    assert settled.is_correct is expected
    assert any(one.is_worth_a_call for one in effects) is (expected is None)


def test_another_answers_verdicts_say_nothing_of_the_nearly_served_one() -> None:
    kept = [entry("a", "g"), entry("b", "h"), entry("c", "h")]
    effects, settled = drive(settle(explore(kept[0]), near(*kept)), by_name(b=True, c=True))
    assert (settled.group, settled.is_correct) == ("h", None)
    assert effects[-1] == Compare(kept[0], is_worth_a_call=True)


# Groups that are one


def both(between: bool | None) -> Says:
    """The fresh answer says what every kept one says; kept ones are compared with this outcome."""
    return lambda effect: between if effect.beside else True


@pytest.mark.parametrize(
    ("between", "joined"),
    [
        ((True, True), ("h",)),
        ((None, True), ("h",)),
        ((True, False), ()),
        ((None, None), ()),  # a vague answer agrees with two that differ
        ((False, False), ()),
    ],
)
def test_groups_are_joined_where_their_kept_answers_say_the_same_and_none_differ(
    between: tuple[bool | None, bool | None], joined: tuple[str, ...]
) -> None:
    kept = [entry("a", "g"), entry("b", "g"), entry("c", "h")]
    pairs = {("c", "a"): between[0], ("c", "b"): between[1]}
    effects, settled = drive(
        settle(None, near(*kept)),
        lambda one: True if one.beside is None else pairs[one.entry.entry_id, one.beside.entry_id],
    )
    assert settled == Settled("g", joined)
    assert [(one.entry.entry_id, one.beside.entry_id) for one in effects if one.beside] == list(pairs)


def test_a_group_that_the_fresh_answer_differs_from_is_never_joined() -> None:
    kept = [entry("a", "g"), entry("b", "h")]
    effects, settled = drive(settle(None, near(*kept)), lambda one: one.beside is not None or one.entry is kept[0])
    assert settled == Settled("g")
    assert len(effects) == 2


def test_what_an_answer_joined_is_one_group_for_the_next() -> None:
    kept = [entry("a", "g"), entry("b", "h"), entry("bridge", "g", ["h"])]
    effects, settled = drive(settle(explore(kept[0]), near(*kept)), by_name(b=True))
    assert settled.joined == ()
    assert settled.group in {"g", "h"}
    assert not any(one.beside for one in effects), "there is but one group"
    assert settled.is_correct is None, "what was joined later says nothing of the nearly served one"


@given(
    st.lists(st.tuples(st.integers(0, 6), st.lists(st.integers(0, 6), max_size=3)), max_size=16),
)
def test_united_groups_are_the_connected_ones(belongs: list[tuple[int, list[int]]]) -> None:
    kept = [entry(str(place), f"g{own}", [f"g{one}" for one in more]) for place, (own, more) in enumerate(belongs)]
    names = united(kept)
    reachable = {group: {group} for group in names}
    for _ in names:
        for one in kept:
            linked = {one.group, *one.joined}
            whole = set[str]().union(*(reachable[group] for group in linked))
            for group in whole:
                reachable[group] = reachable[group] | whole
    for one in names:
        for other in names:
            assert (names[one] == names[other]) is (other in reachable[one])
        assert names[one] in names


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from(["g", "h", "i", ""]), st.sampled_from([True, False, None])),
        max_size=16,
    ),
    st.sampled_from([True, False, None]),
)
def test_a_fresh_answer_joins_only_groups_that_it_agreed_with_and_the_work_is_bounded(
    world: list[tuple[float, str, bool | None]], between: bool | None
) -> None:
    ranked = sorted(world, key=lambda one: -one[0])
    neighbours = [Neighbour(entry(str(place), group), one) for place, (one, group, _) in enumerate(ranked)]

    def says(effect: Compare) -> bool | None:
        return between if effect.beside else ranked[int(effect.entry.entry_id)][2]

    effects, settled = drive(settle(None, neighbours), says)
    said = zip(neighbours, ranked, strict=True)
    agreed = {one.entry.group for one, (_, _, agrees) in said if agrees and one.similarity >= NEAR_ENOUGH}
    assert {settled.group} <= agreed | {""}
    assert set(settled.joined) <= agreed - {settled.group}
    assert len(effects) <= len(neighbours) + 18
    if between is False:
        assert settled.joined == ()


# A hit that was asked afresh


@pytest.mark.parametrize("verdict", [True, False])
def test_the_judges_word_on_a_hit_is_the_last(verdict: bool) -> None:
    kept = entry("a", "g")
    effects, told = drive(verify(hit(kept, entry("b", "g"))), lambda one: verdict)
    assert (effects, told) == ([Compare(kept, is_worth_a_call=True)], verdict)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ({"a": True}, True),
        ({"a": False}, False),
        ({"b": True}, True),
        ({"a": False, "b": True, "c": True}, True),
        ({"a": False, "b": True}, None),
        ({}, None),
    ],
)
def test_without_a_judge_all_answers_that_say_the_same_are_heard(
    verdicts: dict[str, bool], expected: bool | None
) -> None:
    kept = [entry(name, "g") for name in "abc"]
    effects, told = drive(verify(hit(*kept)), by_name(**verdicts))
    assert effects == [Compare(kept[0], is_worth_a_call=True), *(Compare(one) for one in kept)]
    assert told is expected


def test_answers_that_were_joined_to_a_hits_group_have_no_say_in_whether_it_was_right() -> None:
    kept = [entry("a", "g"), entry("b", "h"), entry("bridge", "g", ["h"])]
    effects, told = drive(verify(hit(*kept)), by_name(b=True))
    assert [one.entry.entry_id for one in effects] == ["a", "a", "bridge"]
    assert told is None


def test_a_hit_is_verified_by_at_most_eight_answers() -> None:
    kept = [entry(f"e{place}", "g") for place in range(16)]
    effects, _ = drive(verify(hit(*kept)), by_name())
    assert [one.entry for one in effects[1:]] == kept[:8]


def test_with_no_neighbour_nothing_is_compared() -> None:
    decision: Decision = Miss(reason=MissReason.EMPTY)
    assert drive(settle(decision, ()), by_name()) == ([], Settled(""))
