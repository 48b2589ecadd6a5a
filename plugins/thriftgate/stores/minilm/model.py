"""MiniLM on this CPU: texts in, unit vectors out, one call at a time.

A text longer than the model's window (256 tokens) keeps its beginning and its end, which is where a question is
asked; what stood between them does not change the vector. Whoever compares vectors of such texts has to look at
the words as well.

Failure behaviour: a graph on disk that is damaged is built anew; a directory that cannot be written costs a build
(about a second) at every start and nothing else. Missing weights are a ConfigurationError.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from thriftgate.stores.kept_graphs import GraphBuilding, kept_graph
from thriftgate.stores.minilm.files import MODEL
from thriftgate.stores.wheel_files import EmbedderFiles

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Precision = Literal["int8", "fp32"]

DIMENSIONS = 384
MAX_TOKENS = 256
GRAPH_REVISION = 2
"""Goes up with every change of the graph that moves vectors; old ones are then never compared with new ones."""

_HEAD, _TAIL = 128, 126
"""Tokens kept of a text that is too long; [CLS] and [SEP] make it 256."""
_MAX_CHARACTERS = 16_384
"""Of longer texts only the first and last half of this are looked at: a megabyte is not worth tokenising."""


def fingerprint_of(files: EmbedderFiles, precision: Precision) -> str:
    """Names everything a vector depends on, in characters that files, keys and table names may hold."""
    return f"{MODEL}-{files.weights_hash}-{precision}-mean-{MAX_TOKENS}-r{GRAPH_REVISION}"


class MiniLM:
    """The loaded model. Not thread-safe: one thread calls it.

    Args:
        files: The installed weights.
        graph_dir: Where the built graph is kept; it is made when it does not exist.
        precision: `int8` is twice as fast as `fp32`; their vectors are not comparable.
        threads: CPU threads of one call.
        building: What another thread may end.
    """

    def __init__(
        self,
        files: EmbedderFiles,
        graph_dir: Path,
        *,
        precision: Precision,
        threads: int,
        building: GraphBuilding | None = None,
    ) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # A user who writes "[SEP]" means the five characters.
        self._tokenizer.encode_special_tokens = True
        path = graph_dir / f"{fingerprint_of(files, precision)}.onnx"
        self._session = session_of(kept_graph(path, partial(_graph, files, precision), building), threads)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, [CLS] and [SEP] included, at most 256."""
        encodings = self._tokenizer.encode_batch([readable(text) for text in texts])
        return [_window(encoding.ids) for encoding in encodings]

    def run(self, token_ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """One vector per text, shape (texts, 384); the shorter texts are padded to the longest."""
        lengths = np.array([len(ids) for ids in token_ids], dtype=np.int32)
        input_ids = np.zeros((len(token_ids), int(lengths.max())), dtype=np.int32)
        for row, ids in enumerate(token_ids):
            input_ids[row, : len(ids)] = ids
        feed = {"input_ids": input_ids, "lengths": lengths}
        outputs = cast("list[npt.NDArray[np.float32]]", self._session.run(["embedding"], feed))
        return outputs[0]


def readable(text: str) -> str:
    """The text as far as it is tokenised: its first and last 8,192 characters, without lone surrogates."""
    # A lone surrogate is legal in Python and in JSON, but not in UTF-8.
    text = text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
    half = _MAX_CHARACTERS // 2
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:half]} {text[-half:]}"


def _window(ids: list[int]) -> list[int]:
    return ids if len(ids) <= MAX_TOKENS else ids[: _HEAD + 1] + ids[-_TAIL - 1 :]


def _graph(files: EmbedderFiles, precision: Precision) -> bytes:
    from thriftgate.stores.minilm.graph import build_graph, read_weights

    return build_graph(read_weights(files.weights), precision)


def session_of(graph: Path | bytes, threads: int) -> "InferenceSession":
    """A loaded encoder, of the file if there is one.

    onnxruntime keeps a second copy of the weights of a graph it is given as bytes.
    """
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()  # pyright: ignore[reportUnknownVariableType]
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # It keeps a plan, and one block as large as the plan, for each shape of input: of texts there are hundreds.
    options.enable_mem_pattern = False
    # A thread that spins while it waits takes its core from the proxy beside it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not _has_vnni():
        # Such processors add pairs of 8-bit products in 16 bits, which overflow; this is slower and exact.
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3
    source = str(graph) if isinstance(graph, Path) else graph
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _has_vnni() -> bool:
    """Whether an x86 processor multiplies 8-bit integers into 32 bits; False where nobody says so."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_vnni" in flags or "avx_vnni" in flags
