"""What every embedder promises, whichever a configuration names: asked of the real models."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftgate.config import EmbedderConfig, EmbedderName
from thriftgate.errors import ConfigurationError, StoreUnavailableError
from thriftgate.ports import LoadedEmbedder
from thriftgate.stores.embedders import embedder_of

DIMENSIONS = {"local": 384, "fast": 256, "multilingual": 384}
HOSTILE = [
    "", " ", "\n\t", "\x00", "a\x00b", "\ud800", "a\udfffb", "😀" * 600, "🏳️‍🌈", "</s><s>[CLS] [SEP]", "\u202eabc",
    "a\u0301" * 500,
    "x" * 5_000_000, "wort " * 1_000_000, "中" * 5_000,
]  # fmt: skip


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a model that has to be built is built once."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(params=list(DIMENSIONS))
def name(request: pytest.FixtureRequest) -> EmbedderName:
    return request.param


@pytest.fixture
async def embedder(name: EmbedderName, model_dir: Path) -> AsyncIterator[LoadedEmbedder]:
    made = embedder_of(EmbedderConfig(model=name, cache_size=100), model_dir)
    yield made
    await made.close()


async def test_every_row_has_the_length_that_is_said_and_stands_where_its_text_does(
    embedder: LoadedEmbedder, name: EmbedderName
) -> None:
    assert embedder.dimensions == DIMENSIONS[name]
    rows = await embedder.embed(["where is my parcel", "I lost my card", "where is my parcel"])
    assert rows.shape == (3, DIMENSIONS[name])
    assert rows.dtype == np.float32
    assert np.array_equal(rows[0], rows[2])
    assert float(rows[0] @ rows[1]) < 0.9
    (again,) = await embedder.embed(["I lost my card"])
    assert np.array_equal(again, rows[1])
    assert (await embedder.embed([])).shape == (0, DIMENSIONS[name])


async def test_meaning_is_nearer_than_another_subject(embedder: LoadedEmbedder) -> None:
    asked, same, other = await embedder.embed(
        ["How do I get my money back?", "how can I get back my money", "What is the weather in Paris?"]
    )
    assert asked @ same > asked @ other + 0.2


async def test_any_text_has_a_vector_of_length_one(embedder: LoadedEmbedder) -> None:
    for text in HOSTILE:
        (row,) = await embedder.embed([text])
        assert abs(float(np.linalg.norm(row)) - 1) < 1e-4, repr(text[:20])
    rows = await embedder.embed(HOSTILE)
    assert np.isfinite(rows).all()


def test_a_vector_does_not_depend_on_the_texts_beside_it(model_dir: Path, name: EmbedderName) -> None:
    made = embedder_of(EmbedderConfig(model=name), model_dir, remembers=False)

    @settings(max_examples=30, deadline=None)
    @given(texts=st.lists(st.text(st.characters(), max_size=80), min_size=1, max_size=5))
    def compare(texts: list[str]) -> None:
        alone = np.concatenate([asyncio.run(made.embed([text])) for text in texts])
        together = asyncio.run(made.embed(texts))
        assert np.abs(alone - together).max() < 1e-5
        assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-4

    compare()
    asyncio.run(made.close())


async def test_a_long_text_keeps_its_beginning_and_its_end(embedder: LoadedEmbedder) -> None:
    filler = "the parcel came by post " * 1_000
    usual, begins, ends, between = await embedder.embed(
        [filler, f"cancel my contract now {filler}", f"{filler} cancel my contract now",
         f"{filler} cancel my contract now {filler}"]
    )  # fmt: skip
    assert usual @ begins < 0.9999
    assert usual @ ends < 0.9999
    assert usual @ between > 0.9999


async def test_a_recent_text_is_remembered_and_its_vector_cannot_be_changed(embedder: LoadedEmbedder) -> None:
    assert embedder.cached("where is my parcel") is None
    (row,) = await embedder.embed(["where is my parcel"])
    kept = embedder.cached("where is my parcel")
    assert kept is not None
    assert np.array_equal(kept, row)
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 1.0


async def test_nothing_is_remembered_where_nothing_is_to_be(name: EmbedderName, model_dir: Path) -> None:
    made = embedder_of(EmbedderConfig(model=name), model_dir, remembers=False)
    await made.embed(["where is my parcel"])
    assert made.cached("where is my parcel") is None
    await made.close()


async def test_fifty_callers_at_once_get_what_each_would_get_alone(embedder: LoadedEmbedder) -> None:
    await embedder.warm_up()
    texts = [f"question number {place} about my order " * (1 + place % 20) for place in range(50)]
    together = np.concatenate(await asyncio.gather(*(embedder.embed([text]) for text in texts)))
    alone = np.concatenate([await embedder.embed([text]) for text in texts])
    assert np.abs(alone - together).max() < 1e-5


async def test_a_cancelled_caller_harms_nobody(embedder: LoadedEmbedder) -> None:
    await embedder.warm_up()
    bulk = asyncio.create_task(embedder.embed([f"{place} " + "word " * 200 for place in range(200)]))
    question = asyncio.create_task(embedder.embed(["where is my parcel " * 40]))
    await asyncio.sleep(0)
    bulk.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bulk
    assert (await question).shape[0] == 1


async def test_after_closing_nothing_is_embedded(embedder: LoadedEmbedder) -> None:
    await embedder.embed(["where is my parcel"])
    waiting = asyncio.create_task(embedder.embed([f"{place} " + "word " * 200 for place in range(400)]))
    await asyncio.sleep(0)
    await embedder.close()
    for refused in (waiting, embedder.embed(["I lost my card"]), embedder.warm_up()):
        with pytest.raises(StoreUnavailableError, match="closed"):
            await refused


def test_one_embedder_serves_event_loops_that_come_one_after_the_other(name: EmbedderName, model_dir: Path) -> None:
    made = embedder_of(EmbedderConfig(model=name), model_dir, remembers=False)
    rows = [asyncio.run(made.embed([text]))[0] for text in ("a question", "a question")]
    assert np.array_equal(*rows)
    asyncio.run(made.close())


async def test_the_fingerprint_tells_embedders_apart_and_fits_every_name(model_dir: Path) -> None:
    names: list[EmbedderName] = ["local", "fast", "multilingual"]
    made = [embedder_of(EmbedderConfig(model=name), model_dir) for name in names]
    assert len({one.fingerprint for one in made}) == len(made)
    for one in made:
        assert re.fullmatch(r"[a-z0-9-]{10,100}", one.fingerprint)
        await one.close()


async def test_another_length_of_vectors_is_refused_with_the_models_own(name: EmbedderName, model_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"`{name}` have {DIMENSIONS[name]} numbers, not 100"):
        embedder_of(EmbedderConfig(model=name, dimensions=100), model_dir)
    made = embedder_of(EmbedderConfig(model=name, dimensions=DIMENSIONS[name]), model_dir)
    await made.close()
