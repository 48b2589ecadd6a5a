"""Callers of the analyzer take turns: a long, a costly or an endless text makes its own sender wait and nobody else."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from thriftgate.errors import InvalidRequestError, OverloadedError, PrivacyUnavailableError
from thriftgate.privacy.findings import Text
from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.presidio.analyzer import PresidioAnalyzer
from thriftgate.stores.presidio.turns import MOST_STUCK, Engine
from thriftgate.stores.rampart.spans import ScoredWord


async def test_callers_take_turns_within_their_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thriftgate.stores.presidio.turns._TURN_SECONDS", 0.0)
    gate, asked = threading.Event(), list[str]()

    def engine(text: Text) -> Iterator[Sequence[TextSpan]]:
        assert gate.wait(60)
        for _ in range(50 if text.text == "long" else 1):
            asked.append(text.text)
            yield [TextSpan(0, 1, "PERSON", 1.0)]

    analyzer = PresidioAnalyzer(lambda: engine)
    long = asyncio.create_task(analyzer.analyze([Text("long")]))
    await asyncio.sleep(0)
    short = asyncio.create_task(analyzer.analyze([Text("short"), Text("next")]))
    await asyncio.sleep(0)
    gate.set()
    (found,), both = await asyncio.gather(long, short)
    assert len(found) == 50
    assert [len(spans) for spans in both] == [1, 1]
    assert asked.index("next") <= 6
    analyzer.close()


async def test_a_text_that_has_had_its_time_fails_alone_and_leaves_no_thread_behind() -> None:
    made = list[int]()

    def engine(text: Text) -> Iterator[Sequence[TextSpan]]:
        while text.text.startswith("endless"):
            sum(range(10_000))  # what a text has is time of the processor
            yield ()

    def load() -> Engine:
        made.append(1)
        return engine

    analyzer = PresidioAnalyzer(load, timeout=0.2)
    hostile = [asyncio.create_task(analyzer.analyze([Text(f"endless {number}")])) for number in range(2 * MOST_STUCK)]
    for number in range(20):
        assert await analyzer.analyze([Text(f"harmless {number}")]) == [()]
    for one in hostile:
        with pytest.raises(PrivacyUnavailableError):
            await one
    assert await analyzer.analyze([Text("harmless")]) == [()]
    assert len(made) == 1
    analyzer.close()


async def test_a_text_whose_sender_went_away_is_not_read_to_its_end() -> None:
    steps, begun = list[int](), threading.Event()

    def engine(text: Text) -> Iterator[Sequence[TextSpan]]:
        for _ in range(1_000_000 if text.text == "long" else 1):
            steps.append(1)
            begun.set()
            yield ()

    analyzer = PresidioAnalyzer(lambda: engine)
    gone = asyncio.create_task(analyzer.analyze([Text("long")]))
    assert await asyncio.to_thread(begun.wait, 60)
    gone.cancel()
    assert await analyzer.analyze([Text("next")]) == [()]
    read = len(steps)
    assert await analyzer.analyze([Text("one more")]) == [()]
    assert len(steps) == read + 1
    analyzer.close()


async def test_a_long_text_that_waits_refuses_no_short_one() -> None:
    gate = threading.Event()

    def engine(text: Text) -> Iterator[Sequence[TextSpan]]:
        while text.text.startswith("x") and not gate.wait(0.001):
            yield ()

    analyzer = PresidioAnalyzer(lambda: engine)
    long = asyncio.create_task(analyzer.analyze([Text("x" * 1_900_000)]))
    await asyncio.sleep(0)
    assert await analyzer.analyze([Text("short")]) == [()]
    with pytest.raises(InvalidRequestError) as refused:
        await analyzer.analyze([Text("y" * 2_000_001)])
    assert refused.value.code == "request_too_large"
    gate.set()
    assert await long == [()]
    analyzer.close()


async def test_one_caller_with_many_requests_has_no_more_turns_than_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thriftgate.stores.presidio.turns._TURN_SECONDS", 0.0)
    gate, asked = threading.Event(), list[str]()

    def engine(text: Text) -> Iterator[Sequence[TextSpan]]:
        assert gate.wait(60)
        for _ in range(50):
            asked.append(text.text)
            yield ()

    analyzer = PresidioAnalyzer(lambda: engine)
    many = [asyncio.create_task(analyzer.analyze([Text(f"a {number}")], caller="a")) for number in range(20)]
    await asyncio.sleep(0)
    one = asyncio.create_task(analyzer.analyze([Text("b")], caller="b"))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(one, *many)
    last = max(place for place, text in enumerate(asked) if text == "b")
    assert last <= 2 * 50 + 2, "a turn of one caller, a turn of the other"
    turns = {text for text in asked[:last] if text != "b"}
    assert len(turns) >= 20, "and the requests of one caller take that caller's turns in turn"
    analyzer.close()


async def test_what_one_caller_has_waiting_refuses_no_other() -> None:
    gate = threading.Event()

    def engine(text: Text) -> Iterator[Sequence[TextSpan]]:
        while text.text.startswith("x") and not gate.wait(0.001):
            yield ()

    analyzer = PresidioAnalyzer(lambda: engine)
    many = [asyncio.create_task(analyzer.analyze([Text("x" * (90_000 + number))], caller="a")) for number in range(20)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await analyzer.analyze([Text("y" * 250_000)], caller="a")
    assert await analyzer.analyze([Text("z" * 250_000)], caller="b") == [()]
    gate.set()
    await asyncio.gather(*many)
    analyzer.close()


class CountedWord(ScoredWord):
    """Counts how often somebody asks where it begins."""

    asked = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "start":
            CountedWord.asked += 1
        return super().__getattribute__(name)


def test_a_long_texts_words_are_not_gone_through_for_each_of_its_sections() -> None:
    text = "aaaa " * 32_000  # 20 sections
    words = [CountedWord(at, at + 4, (0.0, 0.0, 0.0)) for at in range(0, len(text), 5)]

    class Reading:
        def __iter__(self) -> Iterator[None]:
            return iter(())

        def words(self) -> Sequence[ScoredWord]:
            return words

    class Model:
        def reading(self, text: str) -> Reading:
            return Reading()

        def words(self, text: str) -> Sequence[ScoredWord]:
            return []

    from thriftgate.stores.presidio.recognizers import RampartRecognizer

    model: Any = Model()
    steps = list(RampartRecognizer(model).steps(text))
    assert len(steps) >= 20 + 2 * len(words) // 5_000, "with pauses between sections, and in what goes over all words"
    assert CountedWord.asked < 5 * len(words)
