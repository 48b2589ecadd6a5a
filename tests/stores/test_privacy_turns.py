"""Callers of the analyzer take turns: a long, a costly or an endless text makes its own sender wait and nobody else."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from thriftgate.errors import InvalidRequestError, PrivacyUnavailableError
from thriftgate.privacy.findings import Text
from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.presidio.analyzer import PresidioAnalyzer
from thriftgate.stores.presidio.turns import MOST_STUCK, Engine


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
    made, never = list[int](), threading.Event()

    def engine(text: Text) -> Iterator[Sequence[TextSpan]]:
        while text.text.startswith("endless"):
            never.wait(0.001)
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
