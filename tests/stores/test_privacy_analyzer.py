"""The analyzer with the real Presidio and the real model, and what it does when they fail."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from thriftgate.errors import ConfigurationError, OverloadedError, PrivacyUnavailableError
from thriftgate.privacy.findings import Text
from thriftgate.privacy.kinds import PRESIDIO_RECOGNIZERS
from thriftgate.privacy.recognizers import own_recognizers
from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.presidio.analyzer import Engine, PresidioAnalyzer
from thriftgate.stores.rampart.files import find_rampart


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


async def test_names_values_and_presidios_own_kinds_are_found_together(model_dir: Path) -> None:
    from thriftgate.stores.presidio.engine import PresidioEngine
    from thriftgate.stores.rampart.model import Rampart

    def load() -> PresidioEngine:
        names = Rampart(find_rampart(), model_dir)
        return PresidioEngine(own_recognizers(phone_regions=["US"]), ["UK_NINO", "ES_NIF"], names)

    engine = load()
    analyzer = PresidioAnalyzer(lambda: engine.analyze)
    text = "Hola, soy María Fernández, Calle Mayor 12, Madrid, maria@example.com, NIF 12345678Z. My NINO is AB123456C."
    (spans,) = await analyzer.analyze([Text(text)])
    found = {(span.entity_type, text[span.start : span.end]) for span in spans}
    assert ("EMAIL_ADDRESS", "maria@example.com") in found
    assert ("ES_NIF", "12345678Z") in found
    assert any(kind == "PERSON" and "María" in value for kind, value in found)
    assert any(kind == "ADDRESS" and "Calle Mayor 12" in value for kind, value in found)
    registry: Any = engine.registry
    assert {one.name for one in registry.recognizers} >= {"CardRecognizer", "RampartRecognizer"}
    analyzer.close()
    assert [name for name in os.listdir(model_dir) if name.endswith("-int8-r1.onnx")]


def test_every_kind_of_presidios_has_the_recognizer_that_the_table_names() -> None:
    from thriftgate.stores.presidio.engine import PresidioEngine

    engine = PresidioEngine([], sorted(PRESIDIO_RECOGNIZERS), None)
    registry: Any = engine.registry
    assert {kind for one in registry.recognizers for kind in one.supported_entities} == set(PRESIDIO_RECOGNIZERS)
    with pytest.raises(ConfigurationError):
        PresidioEngine([], ["NOBODY_KNOWS"], None)


async def test_a_text_is_analysed_once() -> None:
    asked: list[Text] = []

    def engine(text: Text) -> Sequence[TextSpan]:
        asked.append(text)
        return [TextSpan(0, 1, "PERSON", 1.0)]

    analyzer = PresidioAnalyzer(lambda: engine, remembered=2)
    first = await analyzer.analyze([Text("a"), Text("b"), Text("a")])
    assert await analyzer.analyze([Text("b"), Text("a")]) == list(first[:2])
    assert len(asked) == 2
    await analyzer.analyze([Text("a", "label")])
    assert len(asked) == 3
    analyzer.close()


async def test_a_crash_refuses_without_a_word_of_the_text(caplog: pytest.LogCaptureFixture) -> None:
    def engine(text: Text) -> Sequence[TextSpan]:
        raise ValueError(f"choked on {text.text}")

    analyzer = PresidioAnalyzer(lambda: engine)
    with pytest.raises(PrivacyUnavailableError) as refused:
        await analyzer.analyze([Text("Alice Liddell")])
    assert "Alice" not in str(refused.value)
    assert "Alice" not in caplog.text
    analyzer.close()


async def test_loading_is_tried_again() -> None:
    tries: list[int] = []

    def engine(text: Text) -> Sequence[TextSpan]:
        return ()

    def load() -> Engine:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no memory")
        return engine

    analyzer = PresidioAnalyzer(load)
    with pytest.raises(PrivacyUnavailableError):
        await analyzer.analyze([Text("a")])
    assert await analyzer.analyze([Text("a")]) == [()]
    analyzer.close()


async def test_too_much_waiting_text_refuses_the_next() -> None:
    import asyncio
    import threading

    gate = threading.Event()

    def engine(text: Text) -> Sequence[TextSpan]:
        gate.wait(20)
        return ()

    analyzer = PresidioAnalyzer(lambda: engine)
    first = asyncio.create_task(analyzer.analyze([Text("x" * 1_500_000)]))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await analyzer.analyze([Text("y" * 1_000_000)])
    gate.set()
    assert await first == [()]
    analyzer.close()
