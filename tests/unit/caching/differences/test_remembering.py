"""What was seen in a text is remembered, of many short texts and of few long ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.differences.remembering import Remembered


class Seen:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.remembered = Remembered(self.see)

    def see(self, text: str) -> int:
        self.texts.append(text)
        return len(text)


@given(st.lists(st.sampled_from(["a", "b" * 500, "c" * 501, "d" * 2000])))
def test_each_text_is_seen_once_and_always_for_what_it_is(texts: list[str]) -> None:
    seen = Seen()
    assert [seen.remembered(text) for text in texts] == [len(text) for text in texts]
    assert sorted(seen.texts) == sorted(set(texts))


@pytest.mark.parametrize(("length", "kept"), [(500, 512), (501, 32)])
def test_so_many_texts_are_remembered_and_the_one_not_asked_for_longest_goes(length: int, kept: int) -> None:
    seen = Seen()
    texts = [str(number).ljust(length, ".") for number in range(kept + 1)]
    for text in [*texts[:kept], texts[0], texts[kept]]:
        seen.remembered(text)
    assert len(seen.texts) == kept + 1
    seen.remembered(texts[0])
    assert len(seen.texts) == kept + 1
    seen.remembered(texts[1])
    assert len(seen.texts) == kept + 2


def test_all_can_be_forgotten() -> None:
    seen = Seen()
    for _ in range(2):
        seen.remembered("a")
        seen.remembered("b" * 501)
        seen.remembered.cache_clear()
    assert len(seen.texts) == 4
