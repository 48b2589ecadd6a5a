"""How concurrent callers share one embedder: batches, order, cancellation, errors, event loops."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.clocks import FakeClock

from thriftgate.errors import ConfigurationError, StoreUnavailableError
from thriftgate.ports import Embedder
from thriftgate.stores.kept_graphs import GraphBuilding
from thriftgate.stores.minilm import embedder as local_embedder
from thriftgate.stores.minilm.embedder import EncoderEmbedder, LocalEmbedder


class FakeMiniLM:
    """Embeds a text as a vector that names its first character; waits at a gate; remembers what it was given."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.rounds: list[list[str]] = []
        self.is_running = threading.Event()
        self.error: Exception | None = None

    def __call__(self, *_: Any, **__: Any) -> "FakeMiniLM":
        return self

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        self.rounds.append(list(texts))
        self.is_running.set()
        assert self.gate.wait(timeout=30)
        if self.error:
            raise self.error
        return [[ord(text[0]), 0] for text in texts]

    def run(self, token_ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        return np.stack([np.full(384, ids[0], dtype=np.float32) for ids in token_ids])


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeMiniLM:
    fake = FakeMiniLM()
    monkeypatch.setattr(local_embedder, "MiniLM", fake)
    return fake


@pytest.fixture
async def embedder(model: FakeMiniLM, tmp_path: Path) -> AsyncIterator[LocalEmbedder]:
    embedder = LocalEmbedder(tmp_path, cache_size=100)
    yield embedder
    model.gate.set()
    await embedder.close()


async def started(model: FakeMiniLM) -> None:
    """Until the worker stands at the gate; the queue then only grows."""
    assert await asyncio.to_thread(model.is_running.wait, 30)


async def settle() -> None:
    """Let every task run up to its first await."""
    for _ in range(5):
        await asyncio.sleep(0)


def letters(rows: npt.NDArray[np.float32]) -> str:
    return "".join(chr(int(row[0])) for row in rows)


async def test_rows_come_in_the_order_of_the_texts_repeats_included(embedder: LocalEmbedder) -> None:
    assert letters(await embedder.embed(["c", "a", "b", "a", "c"])) == "cabac"
    assert letters(await embedder.embed(["b", "d", "a"])) == "bda"


async def test_no_texts_give_no_rows(embedder: LocalEmbedder, model: FakeMiniLM) -> None:
    assert (await embedder.embed([])).shape == (0, 384)
    assert model.rounds == []


async def test_all_that_wait_while_a_round_runs_form_the_next_one(embedder: LocalEmbedder, model: FakeMiniLM) -> None:
    model.gate.clear()
    first = asyncio.create_task(embedder.embed(["a"]))
    await started(model)
    others = [asyncio.create_task(embedder.embed([letter])) for letter in "bcdbc"]
    await settle()
    model.gate.set()
    assert [letters(rows) for rows in await asyncio.gather(first, *others)] == list("abcdbc")
    assert model.rounds == [["a"], ["b", "c", "d"]]


async def test_a_cancelled_caller_does_not_hurt_the_others(embedder: LocalEmbedder, model: FakeMiniLM) -> None:
    model.gate.clear()
    running = asyncio.create_task(embedder.embed(["a", "b"]))
    await started(model)
    waiting = [asyncio.create_task(embedder.embed([letter])) for letter in "cd"]
    await settle()
    running.cancel()
    waiting[0].cancel()
    await settle()
    model.gate.set()
    assert letters(await waiting[1]) == "d"
    assert running.cancelled()
    assert waiting[0].cancelled()
    assert "c" not in {text for texts in model.rounds for text in texts}
    assert letters(await embedder.embed(["e"])) == "e"


async def test_an_error_reaches_every_caller_of_its_round_and_no_later_one(
    embedder: LocalEmbedder, model: FakeMiniLM
) -> None:
    model.error = RuntimeError("what the user said")
    model.gate.clear()
    tasks = [asyncio.create_task(embedder.embed([letter, "z"])) for letter in "abc"]
    await started(model)
    model.gate.set()
    for error in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(error, StoreUnavailableError)
        assert str(error) == "the embedder failed (RuntimeError)"
    model.error = None
    assert letters(await embedder.embed(["a", "z"])) == "az"


async def test_a_recent_text_is_not_computed_again(embedder: LocalEmbedder, model: FakeMiniLM) -> None:
    assert embedder.cached("a") is None
    await embedder.embed(["a", "b"])
    vector = embedder.cached("a")
    assert vector is not None
    assert chr(int(vector[0])) == "a"
    await embedder.embed(["b", "c", "a"])
    assert model.rounds == [["a", "b"], ["c"]]


async def test_what_a_cancelled_caller_asked_for_is_remembered(embedder: LocalEmbedder, model: FakeMiniLM) -> None:
    model.gate.clear()
    task = asyncio.create_task(embedder.embed(["a"]))
    await started(model)
    task.cancel()
    await settle()
    model.gate.set()
    await embedder.embed(["b"])
    assert embedder.cached("a") is not None


async def test_without_a_cache_everything_is_computed(model: FakeMiniLM, tmp_path: Path) -> None:
    embedder = LocalEmbedder(tmp_path, cache_size=0)
    await embedder.embed(["a"])
    assert embedder.cached("a") is None
    assert letters(await embedder.embed(["a", "a"])) == "aa"
    assert model.rounds == [["a"], ["a"]]
    await embedder.close()


async def test_a_bulk_caller_does_not_hold_up_a_question(embedder: LocalEmbedder, model: FakeMiniLM) -> None:
    model.gate.clear()
    bulk = asyncio.create_task(embedder.embed([chr(0x4E00 + place) for place in range(200)]))
    await started(model)
    question = asyncio.create_task(embedder.embed(["q"]))
    await settle()
    model.gate.set()
    await asyncio.gather(bulk, question)
    assert next(place for place, texts in enumerate(model.rounds) if "q" in texts) == 1


async def test_closing_refuses_what_waits_and_what_comes(model: FakeMiniLM, tmp_path: Path) -> None:
    embedder = LocalEmbedder(tmp_path)
    model.gate.clear()
    running = asyncio.create_task(embedder.embed(["a"]))
    await started(model)
    waiting = asyncio.create_task(embedder.embed(["b"]))
    await settle()
    closing = asyncio.create_task(embedder.close())
    await settle()
    model.gate.set()
    await closing
    assert letters(await running) == "a"
    with pytest.raises(StoreUnavailableError, match="closed"):
        await waiting
    for refused in (embedder.embed(["c"]), embedder.warm_up()):
        with pytest.raises(StoreUnavailableError, match="closed"):
            await refused


async def test_a_configuration_error_at_load_stays_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConfigurationError(["no weights"])

    monkeypatch.setattr(local_embedder, "MiniLM", refuse)
    embedder = LocalEmbedder(tmp_path)
    for refused in (embedder.warm_up(), embedder.embed(["a"])):
        with pytest.raises(ConfigurationError, match="no weights"):
            await refused
    await embedder.close()


async def test_a_model_that_could_not_be_loaded_is_tried_again_after_some_seconds_and_not_before() -> None:
    clock, tries, fake = FakeClock(), list[float](), FakeMiniLM()
    errors: list[Exception] = [OSError("half a file"), ConfigurationError(["no weights"])]

    def load(_: GraphBuilding) -> FakeMiniLM:
        tries.append(clock.monotonic())
        if errors:
            raise errors[0]
        return fake

    embedder = EncoderEmbedder(load, fingerprint="fake", cache_size=0, clock=clock.monotonic)
    for kind in (StoreUnavailableError, ConfigurationError):
        began = len(tries)
        for _ in range(3):
            with pytest.raises(kind):
                await embedder.embed(["a"])
            clock.advance(3)
        assert len(tries) == began + 1
        clock.advance(2)
        errors.pop(0)
    assert len(await embedder.embed(["a"])) == 1
    await embedder.embed(["b"])
    assert len(tries) == 3
    await embedder.close()


def test_one_embedder_serves_event_loops_that_come_one_after_the_other(model: FakeMiniLM, tmp_path: Path) -> None:
    embedder = LocalEmbedder(tmp_path)
    assert [letters(asyncio.run(embedder.embed([text]))) for text in "abab"] == list("abab")
    asyncio.run(embedder.close())


def test_a_loop_that_ends_while_its_text_is_computed_harms_nobody(model: FakeMiniLM, tmp_path: Path) -> None:
    embedder = LocalEmbedder(tmp_path)

    async def give_up() -> None:
        task = asyncio.create_task(embedder.embed(["a"]))
        await started(model)
        task.cancel()

    model.gate.clear()
    asyncio.run(give_up())
    model.gate.set()
    assert letters(asyncio.run(embedder.embed(["b"]))) == "b"
    asyncio.run(embedder.close())


async def test_the_real_model_serves_fifty_callers_at_once(tmp_path: Path) -> None:
    embedder = LocalEmbedder(tmp_path, cache_size=0)
    port: Embedder = embedder
    assert port.dimensions == 384
    await embedder.warm_up()
    texts = [f"question number {place} about my order" for place in range(50)]
    alone = np.concatenate([await embedder.embed([text]) for text in texts])
    together = np.concatenate(await asyncio.gather(*(embedder.embed([text]) for text in texts)))
    assert np.abs(alone - together).max() < 1e-5
    assert np.abs(np.linalg.norm(alone, axis=1) - 1).max() < 1e-5
    await embedder.close()
