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
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from thriftgate.stores.kept_graphs import GraphBuilding, kept_graph
from thriftgate.stores.minilm.files import MODEL
from thriftgate.stores.onnx_sessions import session_of
from thriftgate.stores.readable_texts import both_ends
from thriftgate.stores.wheel_files import EmbedderFiles

Precision = Literal["int8", "fp32"]

DIMENSIONS = 384
MAX_TOKENS = 256
GRAPH_REVISION = 2
"""Goes up with every change of the graph that moves vectors; old ones are then never compared with new ones."""
_WRITING = 2
"""Goes up with every other change of the graph, so that it is built anew: one that moves vectors by less than the
rounding to 8 bits does (to a cosine of .9997 at least, where int8 and float32 are .9988 apart)."""

MAX_CHARACTERS = 16_384
"""Of longer texts only the first and last half of this are looked at: a megabyte is not worth tokenising."""


def fingerprint_of(files: EmbedderFiles, precision: Precision) -> str:
    """Names everything a vector depends on, in characters that files, keys and table names may hold."""
    return f"{MODEL}-{files.weights_hash}-{precision}-mean-{MAX_TOKENS}-r{GRAPH_REVISION}"


class SentenceModel:
    """A loaded graph of this kind with its tokenizer. Not thread-safe: one thread calls it.

    Args:
        tokenizer: The `tokenizers` library's JSON.
        graph: As `kept_graph` gives it.
        threads: CPU threads of one call.
    """

    def __init__(self, tokenizer: Path, graph: Path | bytes, threads: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # A user who writes "[SEP]" means the five characters.
        self._tokenizer.encode_special_tokens = True
        self._session = session_of(graph, threads, keeps_plans=False, is_exact=True)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, [CLS] and [SEP] included, at most 256."""
        encodings = self._tokenizer.encode_batch([both_ends(text, MAX_CHARACTERS) for text in texts])
        return [fitting_ids(encoding.ids) for encoding in encodings]

    def run(self, token_ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """One vector per text, shape (texts, 384); the shorter texts are padded to the longest."""
        lengths = np.array([len(ids) for ids in token_ids], dtype=np.int32)
        input_ids = np.zeros((len(token_ids), int(lengths.max())), dtype=np.int32)
        for row, ids in enumerate(token_ids):
            input_ids[row, : len(ids)] = ids
        feed = {"input_ids": input_ids, "lengths": lengths}
        outputs = cast("list[npt.NDArray[np.float32]]", self._session.run(["embedding"], feed))
        return outputs[0]


class MiniLM(SentenceModel):
    """The loaded model.

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
        kept = kept_graph(minilm_graph_path(files, precision, graph_dir), partial(_graph, files, precision), building)
        super().__init__(files.tokenizer, kept, threads)


def minilm_graph_path(files: EmbedderFiles, precision: Precision, graph_dir: Path) -> Path:
    """Where the graph of these weights is kept."""
    return graph_dir / f"{fingerprint_of(files, precision)}-w{_WRITING}.onnx"


def fitting_ids(ids: list[int], *, head: int = 128) -> list[int]:
    """What the model reads of a text's tokens: where they are too many the first and `head` more, and the last ones."""
    return ids if len(ids) <= MAX_TOKENS else ids[: head + 1] + ids[head + 1 - MAX_TOKENS :]


def _graph(files: EmbedderFiles, precision: Precision) -> bytes:
    from thriftgate.stores.minilm.graph import build_graph, read_weights

    return build_graph(read_weights(files.weights), precision)
