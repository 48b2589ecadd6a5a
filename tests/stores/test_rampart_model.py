"""The token model's graph: how it is kept, and how often its weights are in memory."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from tokenizers import Tokenizer

from thriftgate.stores.kept_graphs import weights_of
from thriftgate.stores.onnx_sessions import session_of
from thriftgate.stores.rampart.files import find_rampart
from thriftgate.stores.rampart.model import Rampart, graph_path


@pytest.fixture(scope="module")
def kept_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    Rampart(find_rampart(), folder)
    return folder


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_the_weights_of_a_kept_graph_are_not_held_a_second_time(kept_in: Path) -> None:
    script = (
        "import sys; from pathlib import Path; import onnxruntime\n"
        "from thriftgate.stores.rampart import model; from thriftgate.stores.rampart.files import find_rampart\n"
        "def used():\n"
        "    lines = Path('/proc/self/smaps_rollup').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('Anonymous')) / 1000\n"
        "first = model.Rampart(find_rampart(), Path(sys.argv[1]))\n"
        "before = used()\n"
        "second = model.Rampart(find_rampart(), Path(sys.argv[1]))\n"
        "print(used() - before)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(kept_in)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < weights_of(graph_path(find_rampart(), kept_in)).stat().st_size / 1e6


@pytest.mark.parametrize("damage", ["cut", "no digest"])
def test_a_damaged_graph_is_built_anew_and_finds_the_same(tmp_path: Path, kept_in: Path, damage: str) -> None:
    shutil.copytree(kept_in, tmp_path, dirs_exist_ok=True)
    whole = graph_path(find_rampart(), kept_in).read_bytes()
    broken = graph_path(find_rampart(), tmp_path)
    if damage == "cut":
        broken.write_bytes(whole[:1000])
    else:
        broken.with_suffix(".sha256").unlink()
    text = "My name is Ann Lee and I live in Bonn."
    assert Rampart(find_rampart(), tmp_path).words(text) == Rampart(find_rampart(), kept_in).words(text)
    assert broken.read_bytes() == whole


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Please send it to Margaret Oakley, 14 Mill Lane, Leeds LS1 4AP, not to her brother Tom.", 6),
        ("Ich heiße Jürgen Vogel und wohne in der Lindenstraße 5, 10115 Berlin. " * 4, 5),
    ],
)
def test_the_graph_says_of_each_piece_what_the_published_one_says(kept_in: Path, text: str, labels: int) -> None:
    files = find_rampart()
    ids = np.array([Tokenizer.from_file(str(files.tokenizer)).encode(text).ids], dtype=np.int64)
    given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    expected = logits_of(files.graph, given)[0]
    found = logits_of(graph_path(files, kept_in), {"input_ids": ids[0]})
    likeliest = expected.argmax(axis=-1)
    assert len(set(likeliest.tolist())) >= labels
    assert found.argmax(axis=-1).tolist() == likeliest.tolist()
    assert float(np.abs(found - expected).mean()) < 0.2


def logits_of(graph: Path, given: dict[str, npt.NDArray[np.int64]]) -> npt.NDArray[np.float32]:
    outputs = cast("list[npt.NDArray[np.float32]]", session_of(graph, 1).run(["logits"], given))
    return outputs[0]
