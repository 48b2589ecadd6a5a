"""The analyzer with the real Presidio and the real model, and what it does when they fail."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from thriftgate.cli.gateway.parts.privacy import describe_privacy
from thriftgate.config.privacy_policies import Policies
from thriftgate.config.sections.privacy import PrivacyConfig
from thriftgate.errors import ConfigurationError, OverloadedError, PrivacyUnavailableError, StoreUnavailableError
from thriftgate.privacy.findings import Text
from thriftgate.privacy.kinds import PRESIDIO_RECOGNIZERS
from thriftgate.privacy.recognizers import own_recognizers
from thriftgate.privacy.spans import TextSpan
from thriftgate.proxy.compose.privacy import engine_loader
from thriftgate.stores.kept_graphs import GraphBuilding
from thriftgate.stores.presidio.analyzer import PresidioAnalyzer
from thriftgate.stores.presidio.turns import MOST_STUCK, Engine
from thriftgate.stores.rampart.files import find_rampart


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


async def test_names_values_and_presidios_own_kinds_are_found_together(model_dir: Path) -> None:
    from thriftgate.stores.presidio.engine import PresidioEngine
    from thriftgate.stores.presidio.recognizers import RampartRecognizer
    from thriftgate.stores.rampart.model import Rampart

    def load() -> PresidioEngine:
        names = Rampart(find_rampart(), model_dir)
        return PresidioEngine(own_recognizers(phone_regions=["US"]), ["UK_NINO", "ES_NIF"], [RampartRecognizer(names)])

    engine = load()
    analyzer = PresidioAnalyzer(lambda: engine.steps)
    text = "Hola, soy María Fernández, Calle Mayor 12, Madrid, maria@example.com, NIF 12345678Z. My NINO is AB123456C."
    (spans,) = await analyzer.analyze([Text(text)])
    found = {(span.entity_type, text[span.start : span.end]) for span in spans}
    assert ("EMAIL_ADDRESS", "maria@example.com") in found
    assert ("ES_NIF", "12345678Z") in found
    assert any(kind == "PERSON" and "María" in value for kind, value in found)
    assert any(kind == "ADDRESS" and "Calle Mayor 12" in value for kind, value in found)
    prose, machines = await analyzer.analyze([Text(text), Text(text, is_prose=False)])
    assert {span.entity_type for span in prose if span.recognizer == "rampart"} == {"PERSON", "ADDRESS"}
    assert "rampart" not in {span.recognizer for span in machines}
    assert {span.entity_type for span in machines} >= {"EMAIL_ADDRESS", "ES_NIF"}
    registry: Any = engine.registry
    assert {one.name for one in registry.recognizers} >= {"CardRecognizer", "RampartRecognizer"}
    analyzer.close()
    assert [name for name in os.listdir(model_dir) if name.endswith("-int8-r2.onnx")]


def test_a_text_is_cut_into_word_pieces_in_parts_as_it_is_in_one(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from thriftgate.stores.rampart import model as model_module

    model = model_module.Rampart(find_rampart(), model_dir)
    text = (
        "Dear Gisbert Rauch,\nd\u2019accord: \u5f20\u4f1f\uff0cx@y.z  o'Neil-Smith e\u0301te\u0301, 12.5% [SEP] \ud800 "
        * 3
    )
    whole = model.words(text)
    monkeypatch.setattr(model_module, "_PART", 5)
    monkeypatch.setattr(model_module, "_PIECES", 3)
    reading = model.reading(text)
    assert sum(1 for _ in reading) > len(text) // 12
    assert reading.words() == whole


def test_every_kind_of_presidios_has_the_recognizer_that_the_table_names() -> None:
    from thriftgate.stores.presidio.engine import PresidioEngine

    engine = PresidioEngine([], sorted(PRESIDIO_RECOGNIZERS))
    registry: Any = engine.registry
    assert {kind for one in registry.recognizers for kind in one.supported_entities} == set(PRESIDIO_RECOGNIZERS)
    with pytest.raises(ConfigurationError):
        PresidioEngine([], ["NOBODY_KNOWS"])


def polish_pipeline(folder: Path) -> Path:
    """A pipeline of spaCy that knows one name, with the labels of its Polish models."""
    import spacy

    pipeline: Any = spacy.blank("pl")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "persName", "pattern": "Bożydar"}, {"label": "placeName", "pattern": "Łomża"}])
    pipeline.to_disk(folder)
    return folder


class Gazetteer(EntityRecognizer):
    """Somebody's own recognizer, as Presidio's documentation has it."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        super().__init__(supported_entities=["HUMAN", "PET"])

    def load(self) -> None:
        pass

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
        assert nlp_artifacts.tokens, "the words are there, as Presidio promises"
        starts = [(word, text.find(word)) for word in self._words]
        kinds = ("HUMAN", "PET")
        return [RecognizerResult(kind, at, at + len(word), 0.8) for word, at in starts if at >= 0 for kind in kinds]


async def test_a_model_of_the_operators_choice_reads_what_its_languages_are_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "my_names", sys.modules[__name__])
    folder = polish_pipeline(tmp_path / "pl_names")
    settings = {
        "key": "k" * 32, "names": False, "languages": ["pl"], "models": {"hotline": {"languages": ["cs"]}},
        "name_models": [
            {"spacy": "pl_names", "languages": ["pl"], "labels": {"persName": "PERSON"}},
            {"recognizer": "my_names.Gazetteer", "options": {"words": ["Vlasta"]}, "languages": ["cs", "sk"],
             "labels": {"HUMAN": "PERSON"}},
        ],
    }  # fmt: skip
    config = PrivacyConfig.model_validate(settings)
    policies = Policies(config)
    engine = engine_loader(config, policies.kinds, tmp_path, tmp_path)()
    analyzer = PresidioAnalyzer(lambda: engine)
    text = f"{'a ' * 1_990}Bożydar z miasta Łomża. Zavolej Vlasta."
    found: dict[str, list[str]] = {}
    for route in ("support", "hotline", "anything"):
        policy = policies.policy_of(route)
        assert policy is not None
        languages = None if route == "anything" else policy.languages
        (spans,) = await analyzer.analyze([Text(text, languages=languages)])
        found[route] = sorted(text[span.start : span.end] for span in spans)
    assert found == {"support": ["Bożydar"], "hotline": ["Vlasta"], "anything": ["Bożydar", "Vlasta"]}
    analyzer.close()
    meta = json.loads((folder / "meta.json").read_text())
    meta["performance"] = {"ents_per_type": {"persName": {"p": 0.9, "r": 0.871, "f": 0.88}}}
    (folder / "meta.json").write_text(json.dumps({**meta, "license": "GPL-3.0"}))
    words = "\n".join(describe_privacy(config, tmp_path))
    assert "names by spaCy's pl_names (GPL-3.0): recall of names 0.87 by its makers' own evaluation, for pl" in words
    assert "names by my_names.Gazetteer, for cs, sk: its recall is not known here" in words
    assert "people write in: pl" in words
    assert "people write in, at hotline: cs" in words


@pytest.mark.parametrize("part", ["%3e", "%2C", "%28", "&lt;", "%26x%3D", "\\n", "\\u0029", "<b", ">"])
def test_a_credential_with_what_looks_like_an_escape_is_whole(part: str) -> None:
    from thriftgate.stores.presidio.engine import PresidioEngine

    engine = PresidioEngine(own_recognizers(phone_regions=["US"]), [])
    value = f"popo{part}lFOEPtY7k"
    text = f"Hello, api key: {value} it is"
    spans = engine.analyze(Text(text))
    covered = {place for span in spans for place in range(span.start, span.end)}
    start = text.index(value)
    assert set(range(start, start + len(value))) <= covered


async def test_a_text_is_analysed_once() -> None:
    asked: list[Text] = []

    def engine(text: Text) -> Steps:
        asked.append(text)
        return [[TextSpan(0, 1, "PERSON", 1.0)]]

    analyzer = PresidioAnalyzer(lambda: engine, remembered=2)
    first = await analyzer.analyze([Text("a"), Text("b"), Text("a")])
    assert await analyzer.analyze([Text("b"), Text("a")]) == list(first[:2])
    assert len(asked) == 2
    await analyzer.analyze([Text("a", "label")])
    assert len(asked) == 3
    analyzer.close()


async def test_a_crash_refuses_without_a_word_of_the_text(caplog: pytest.LogCaptureFixture) -> None:
    def engine(text: Text) -> Steps:
        raise ValueError(f"choked on {text.text}")

    analyzer = PresidioAnalyzer(lambda: engine)
    with pytest.raises(PrivacyUnavailableError) as refused:
        await analyzer.analyze([Text("Alice Liddell")])
    assert "Alice" not in str(refused.value)
    assert "Alice" not in caplog.text
    analyzer.close()


async def test_loading_is_tried_again() -> None:
    tries: list[int] = []

    def engine(text: Text) -> Steps:
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
    gate = threading.Event()

    def engine(text: Text) -> Steps:
        gate.wait(20)
        return ()

    analyzer = PresidioAnalyzer(lambda: engine)
    first = asyncio.create_task(analyzer.analyze([Text("x" * 1_500_000)]))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await analyzer.analyze([Text("y" * 1_000_001)])
    gate.set()
    assert await first == [()]
    analyzer.close()


Steps = Sequence[Sequence[TextSpan]]


class StuckEngines:
    """Engines that stay at a text that begins with "stuck" until they are let go; `made` counts them."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.stuck = threading.Semaphore(0)
        self.made = 0
        self.asked: list[str] = []

    def load(self) -> Engine:
        self.made += 1
        return self._analyze

    def _analyze(self, text: Text) -> Steps:
        self.asked.append(text.text)
        if text.text.startswith("stuck"):
            self.stuck.release()
            assert self.gate.wait(60)
        return ()


async def test_a_text_that_never_ends_is_refused_in_time_and_whoever_waited_behind_it_is_served() -> None:
    engines = StuckEngines()
    analyzer = PresidioAnalyzer(engines.load, timeout=0.2)
    stuck = asyncio.create_task(analyzer.analyze([Text("stuck"), Text("never reached")]))
    assert await asyncio.to_thread(engines.stuck.acquire, timeout=60)
    behind = [asyncio.create_task(analyzer.analyze([Text(f"behind {number}")])) for number in range(3)]
    with pytest.raises(PrivacyUnavailableError):
        await stuck
    assert [await one for one in behind] == [[()], [()], [()]]
    assert engines.made == 2
    with pytest.raises(PrivacyUnavailableError):
        await analyzer.analyze([Text("stuck"), Text("with another")])
    assert engines.asked.count("stuck") == 1, "no second thread is spent on the same text"
    assert "never reached" not in engines.asked
    engines.gate.set()
    analyzer.close()


async def test_a_caller_who_went_away_leaves_a_stuck_thread_to_the_next_one() -> None:
    engines = StuckEngines()
    analyzer = PresidioAnalyzer(engines.load, timeout=0.2)
    gone = asyncio.create_task(analyzer.analyze([Text("stuck")]))
    assert await asyncio.to_thread(engines.stuck.acquire, timeout=60)
    gone.cancel()
    assert await analyzer.analyze([Text("next")]) == [()]
    engines.gate.set()
    analyzer.close()


async def test_when_too_many_threads_are_stuck_everything_is_refused_until_one_comes_back() -> None:
    engines = StuckEngines()
    analyzer = PresidioAnalyzer(engines.load, timeout=0.1)
    for number in range(MOST_STUCK):
        with pytest.raises(PrivacyUnavailableError):
            await analyzer.analyze([Text(f"stuck {number}")])
    with pytest.raises(PrivacyUnavailableError):
        await analyzer.analyze([Text("harmless")])
    assert engines.made == MOST_STUCK
    assert "harmless" not in engines.asked
    engines.gate.set()
    async with asyncio.timeout(60):
        while True:
            try:
                assert await analyzer.analyze([Text("harmless")]) == [()]
                break
            except PrivacyUnavailableError:
                await asyncio.sleep(0)
    assert await analyzer.analyze([Text("stuck 0")]) == [()], "what was late is remembered all the same"
    analyzer.close()


async def test_one_caller_whose_texts_never_end_closes_the_check_to_nobody_else() -> None:
    engines = StuckEngines()
    analyzer = PresidioAnalyzer(engines.load, timeout=0.1)
    for number in range(2 * MOST_STUCK):
        with pytest.raises(PrivacyUnavailableError):
            await analyzer.analyze([Text(f"stuck {number}")], caller="hostile")
    assert len([text for text in engines.asked if text.startswith("stuck")]) == MOST_STUCK - 1
    assert await analyzer.analyze([Text("harmless")], caller="other") == [()]
    engines.gate.set()
    analyzer.close()


async def test_two_callers_whose_texts_never_end_close_the_check_to_nobody_else() -> None:
    engines = StuckEngines()
    analyzer = PresidioAnalyzer(engines.load, timeout=0.1)
    for number, caller in enumerate(["a", "a", "b", "b"]):
        with pytest.raises(PrivacyUnavailableError):
            await analyzer.analyze([Text(f"stuck {number}")], caller=caller)
    assert "stuck 3" not in engines.asked
    assert await analyzer.analyze([Text("harmless")], caller="c") == [()]
    with pytest.raises(PrivacyUnavailableError):
        await analyzer.analyze([Text("stuck 4")], caller="c")
    with pytest.raises(PrivacyUnavailableError):
        await analyzer.analyze([Text("next")], caller="d")
    assert engines.made == MOST_STUCK + 1, "there is a limit to what is kept for others"
    engines.gate.set()
    analyzer.close()


async def test_loading_that_never_ends_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thriftgate.stores.presidio.analyzer._LOAD_SECONDS", 0.1)
    gate, tries = threading.Event(), list[int]()

    def engine(text: Text) -> Steps:
        return ()

    def load() -> Engine:
        tries.append(1)
        if len(tries) == 1:
            assert gate.wait(60)
        return engine

    analyzer = PresidioAnalyzer(load, timeout=0.1)
    with pytest.raises(PrivacyUnavailableError):
        await analyzer.analyze([Text("a")])
    assert await analyzer.analyze([Text("a")]) == [()]
    gate.set()
    analyzer.close()


async def test_closing_ends_what_loading_waits_for() -> None:
    begun, ended = threading.Event(), threading.Event()

    def load() -> Engine:
        begun.set()
        assert ended.wait(60)
        raise ConfigurationError(["no longer"])

    analyzer = PresidioAnalyzer(load, stop_loading=ended.set)
    loading = asyncio.create_task(analyzer.warm_up())
    assert await asyncio.to_thread(begun.wait, 60)
    analyzer.close()
    with pytest.raises(ConfigurationError, match="no longer"):
        await loading


def test_the_model_of_names_is_not_built_for_a_gateway_that_stops(tmp_path: Path) -> None:
    config, building = PrivacyConfig.model_validate({"key": "k" * 32}), GraphBuilding()
    building.stop()
    with pytest.raises(StoreUnavailableError):
        engine_loader(config, Policies(config).kinds, tmp_path, building=building)()


async def test_what_waits_when_the_analyzer_is_closed_is_refused() -> None:
    engines = StuckEngines()
    analyzer = PresidioAnalyzer(engines.load)
    first = asyncio.create_task(analyzer.analyze([Text("stuck")]))
    assert await asyncio.to_thread(engines.stuck.acquire, timeout=60)
    waiting = asyncio.create_task(analyzer.analyze([Text("b")]))
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(analyzer.close))
    with pytest.raises(PrivacyUnavailableError):
        await waiting
    engines.gate.set()
    assert await first == [()]
    await closing
    with pytest.raises(PrivacyUnavailableError):
        await analyzer.analyze([Text("c")])
