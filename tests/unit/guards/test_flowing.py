"""What a stream says is looked at as a whole, however it is cut."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.guards.flowing import EVERY, HOLD, LONGEST_WORD, OVERLAP, Flow

SIZES = st.one_of(st.integers(0, 90), st.integers(0, 400), st.integers(900, 3_000))
TEXTS = st.text(alphabet="ab \n\u00e9\u5929", max_size=40)


def filled(text: str, size: int) -> str:
    return (text * (size // max(1, len(text)) + 1))[:size]


PIECES = st.lists(st.builds(filled, TEXTS, SIZES), max_size=20)


def run(said: Sequence[str], check: Callable[[str, int], bool]) -> tuple[list[int], bool]:
    """The events that were shown, and whether `check` stopped the stream, as the layer around the endpoints does it."""
    flow: Flow[int] = Flow(is_holding=True)
    shown: list[int] = []
    for number, text in enumerate(said):
        shown += flow.feed(number, text)
        if flow.is_due:
            if check(flow.window(), flow.offset):
                return shown, True
            shown += flow.checked()
    if flow.has_more and check(flow.window(is_last=True), flow.offset):
        return shown, True
    return shown + flow.checked(is_last=True), False


@given(PIECES)
def test_every_character_and_every_cut_lies_in_a_window_with_what_stands_before_it(said: list[str]) -> None:
    whole = "".join(said)
    looked: list[tuple[int, int]] = []

    def note(window: str, start: int) -> bool:
        assert whole[start : start + len(window)] == window
        looked.append((start, start + len(window)))
        return False

    shown, _ = run(said, note)
    assert shown == list(range(len(said)))
    end = 0
    for start, next_end in looked:
        assert start <= max(0, end - OVERLAP)
        assert next_end > end
        end = next_end
    assert end == len(whole)


@given(PIECES)
def test_an_event_is_shown_once_in_order_and_not_before_it_was_looked_at(said: list[str]) -> None:
    flow: Flow[int] = Flow(is_holding=True)
    shown: list[int] = []
    looked = 0
    for number, text in enumerate(said):
        shown += flow.feed(number, text)
        if flow.is_due:
            looked = flow.offset + len(flow.window())
            shown += flow.checked()
            assert not flow.is_due
        assert sum(len(said[one]) for one in shown) <= max(0, looked - HOLD)
    assert shown + flow.checked(is_last=True) == list(range(len(said)))


@given(st.integers(0, 5_000), st.integers(0, 5_000), st.lists(st.integers(1, 3_000), min_size=1, max_size=30))
def test_nothing_forbidden_is_shown_however_it_is_cut_and_how_much_comes_at_once(
    before: int, after: int, sizes: list[int]
) -> None:
    whole = "a " * before + "forbidden" + " b" * after
    said: list[str] = []
    at = 0
    while at < len(whole):
        said.append(whole[at : at + sizes[len(said) % len(sizes)]])
        at += len(said[-1])
    shown, is_stopped = run(said, lambda window, _: "forbidden" in window)
    assert is_stopped
    assert len("".join(said[one] for one in shown)) <= 2 * before


@pytest.mark.parametrize(
    "said",
    [
        ["forbidden " + "a" * 140, "b" * 1_100],
        ["a" * 100 + " forbid", "den " + "b" * 1_200],
        ["x" * 1_300 + " forbid", "den " + "b" * 1_300],
    ],
)
def test_what_stands_before_a_large_event_is_looked_at(said: list[str]) -> None:
    assert run(said, lambda window, _: "forbidden" in window) == ([], True)


WORDS = st.lists(st.text(alphabet="abc.-:/", min_size=1, max_size=LONGEST_WORD - 1), min_size=1, max_size=120)


@given(WORDS, st.lists(st.integers(1, 700), min_size=1, max_size=10))
def test_no_part_of_a_word_is_taken_for_a_word(words: list[str], sizes: list[int]) -> None:
    whole = " ".join(words)
    said: list[str] = []
    at = 0
    while at < len(whole):
        said.append(whole[at : at + sizes[len(said) % len(sizes)]])
        at += len(said[-1])
    seen = set[str]()
    run(said, lambda window, _: bool(seen.update(window.split())))
    assert seen == set(words)


def test_a_stream_without_blanks_is_looked_at_all_the_same_and_little_is_kept() -> None:
    flow: Flow[int] = Flow(is_holding=True)
    for number in range(3_000):
        flow.feed(number, "x")
        assert len(flow.window()) <= OVERLAP + EVERY + 2 * LONGEST_WORD
        if flow.is_due:
            flow.checked()
