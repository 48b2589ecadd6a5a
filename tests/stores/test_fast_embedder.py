"""The fast embedder against its own definition, where it works, and what it is made of."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]
from tokenizers import Tokenizer

from thriftgate.errors import ConfigurationError, StoreUnavailableError
from thriftgate.stores.wheel_files import EmbedderFiles
from thriftgate.stores.wordllama import embedder as fast_embedder
from thriftgate.stores.wordllama import files as wordllama_files
from thriftgate.stores.wordllama.embedder import ON_THE_LOOP, FastEmbedder
from thriftgate.stores.wordllama.files import find_wordllama
from thriftgate.stores.wordllama.model import WordLlama
from thriftgate.types import Vector


@pytest.fixture
async def embedder() -> AsyncIterator[FastEmbedder]:
    made = FastEmbedder(cache_size=0)
    yield made
    await made.close()


class Watched(WordLlama):
    """Remembers which thread computed each text."""

    threads: dict[str, int]

    def vector(self, text: str) -> Vector:
        self.threads[text] = threading.get_ident()
        return super().vector(text)


@pytest.fixture
async def watched(embedder: FastEmbedder, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    Watched.threads = {}
    monkeypatch.setattr(fast_embedder, "WordLlama", Watched)
    await embedder.warm_up()
    return Watched.threads


@pytest.mark.parametrize(
    "text", ["How do I return shoes?", "¿Dónde está mi paquete?", "für 5 €", "</s> 😀", "a " * 300]
)
async def test_a_vector_is_the_mean_of_its_pieces_vectors(embedder: FastEmbedder, text: str) -> None:
    files = find_wordllama()
    (table,) = load_file(files.weights).values()
    tokenizer = Tokenizer.from_file(str(files.tokenizer))
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    ids = ids if len(ids) <= 256 else ids[:128] + ids[-128:]
    mean = table[ids].astype(np.float64).mean(axis=0)
    (row,) = await embedder.embed([text])
    assert np.abs(row - mean / np.linalg.norm(mean)).max() < 1e-5


async def test_the_order_of_words_is_not_seen(embedder: FastEmbedder) -> None:
    one, other = await embedder.embed(["a dog bites the man", "a man bites the dog"])
    assert one @ other > 0.9999  # so that whoever compares looks at the words as well


async def test_a_question_is_embedded_on_the_loop_and_what_takes_longer_is_not(
    embedder: FastEmbedder, watched: dict[str, int]
) -> None:
    short, long, many = "s" * ON_THE_LOOP, "l" * (ON_THE_LOOP + 1), [f"text {place}" for place in range(5)]
    await embedder.embed([short])
    await embedder.embed([long])
    await embedder.embed(many)
    ours = threading.get_ident()
    assert watched[short] == ours
    assert watched[long] != ours
    assert {watched[text] for text in many} == {watched[long]}


async def test_the_first_text_does_not_load_the_vectors_on_the_loop(
    embedder: FastEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[int] = []

    class Noted(WordLlama):
        def __init__(self, files: EmbedderFiles) -> None:
            loaded.append(threading.get_ident())
            super().__init__(files)

    monkeypatch.setattr(fast_embedder, "WordLlama", Noted)
    await asyncio.gather(*(embedder.embed([f"question {place}"]) for place in range(8)))
    assert len(loaded) == 1
    assert loaded[0] != threading.get_ident()


async def test_a_caller_with_many_texts_does_not_hold_up_another(
    embedder: FastEmbedder, watched: dict[str, int]
) -> None:
    bulk = asyncio.create_task(embedder.embed([f"bulk {place}" for place in range(300)]))
    await asyncio.sleep(0)
    await embedder.embed(["q" * (ON_THE_LOOP + 1)])
    assert not bulk.done()
    assert (await bulk).shape == (300, 256)


async def test_vectors_that_cannot_be_read_are_unavailable_and_name_no_text(
    embedder: FastEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> WordLlama:
        raise OSError("secret path")

    monkeypatch.setattr(fast_embedder, "WordLlama", broken)
    for refused in (embedder.warm_up(), embedder.embed(["a question"])):
        with pytest.raises(StoreUnavailableError, match=r"^the fast embedder failed \(OSError\)$"):
            await refused


def test_a_missing_wheel_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordllama_files, "WHEEL", "no-such-wheel-anywhere")
    with pytest.raises(ConfigurationError, match=r"no-such-wheel-anywhere.*`uv sync`, or set `embedder\.model: local`"):
        FastEmbedder()


def test_neither_the_wheels_code_nor_anything_heavy_is_imported() -> None:
    code = (
        "import asyncio, json, sys\n"
        "from pathlib import Path\n"
        "from thriftgate.config import EmbedderConfig\n"
        "from thriftgate.stores.embedders import embedder_of\n"
        "made = embedder_of(EmbedderConfig(model='fast'), Path('nowhere'))\n"
        "asyncio.run(made.embed(['a question']))\n"
        "print(json.dumps(sorted({'wordllama', 'onnxruntime', 'onnx', 'torch', 'requests'} & set(sys.modules))))\n"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "plugins"), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout) == []
