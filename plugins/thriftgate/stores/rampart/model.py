"""Rampart's network: a text in, for each of its words how likely it is part of a name, an address, a place.

A long text is read in windows that overlap; each word is judged in the window in which it has most around it.

Failure behaviour: a graph on disk that is damaged is built anew; a directory that cannot be written costs a build
(some seconds) at every start and nothing else. Missing weights are a ConfigurationError.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from thriftgate.stores.kept_graphs import kept_graph
from thriftgate.stores.rampart.files import MODEL, RampartFiles
from thriftgate.stores.rampart.spans import KINDS, ScoredWord

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WINDOW = 128
"""Word pieces that are read at once; the network was trained on messages of about this length."""
OVERLAP = 16
_CLS, _SEP = "[CLS]", "[SEP]"


class Rampart:
    """The loaded model. Not thread-safe: one thread calls it.

    Args:
        files: The installed weights.
        graph_dir: Where the built graph is kept; it is made when it does not exist.
        threads: CPU threads of one call.
    """

    def __init__(self, files: RampartFiles, graph_dir: Path, *, threads: int = 1) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # A user who writes "[SEP]" means the five characters.
        self._tokenizer.encode_special_tokens = True
        ids = [self._tokenizer.token_to_id(token) for token in (_CLS, _SEP)]
        self._cls, self._sep = (number for number in ids if number is not None)
        self._groups = [
            [place for place, label in enumerate(files.labels) if label[2:] in labels] for labels in KINDS.values()
        ]
        self._session = _session(kept_graph(graph_path(files, graph_dir), partial(_graph, files)), threads)

    def words(self, text: str) -> list[ScoredWord]:
        """Every word of the text with the probability of each of `spans.KINDS`."""
        # A lone surrogate is legal in Python and in JSON, but not in UTF-8.
        text = text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = encoding.ids
        offsets = encoding.offsets
        if not ids:
            return []
        scores = self._scores(ids)
        words: list[ScoredWord] = []
        places = encoding.word_ids
        last: int | None = None
        for (start, end), row, word in zip(offsets, scores, places, strict=True):
            if words and word is not None and word == last:
                before = words[-1]
                highest = tuple(max(one, float(other)) for one, other in zip(before.scores, row, strict=True))
                words[-1] = ScoredWord(before.start, max(end, before.end), highest)
            else:
                words.append(ScoredWord(start, end, tuple(map(float, row))))
            last = word
        return words

    def _scores(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Shape (word pieces, kinds)."""
        out = np.zeros((len(ids), len(self._groups)), dtype=np.float32)
        step = WINDOW - 2 * OVERLAP
        for start in range(0, max(1, len(ids) - 2 * OVERLAP), step):
            scores = self._window(ids[start : start + WINDOW])
            # Of what two windows share, each keeps its half.
            first = start + OVERLAP if start else 0
            out[first : start + len(scores)] = scores[first - start :]
        return out

    def _window(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        input_ids = np.array([[self._cls, *ids, self._sep]], dtype=np.int64)
        feed = {
            "input_ids": input_ids,
            "attention_mask": np.ones_like(input_ids),
            "token_type_ids": np.zeros_like(input_ids),
        }
        logits = cast("list[npt.NDArray[np.float32]]", self._session.run(["logits"], feed))[0][0, 1:-1]
        logits = np.exp(logits - logits.max(axis=-1, keepdims=True))
        logits /= logits.sum(axis=-1, keepdims=True)
        return np.stack([logits[:, group].sum(axis=-1) for group in self._groups], axis=-1)


def graph_path(files: RampartFiles, graph_dir: Path) -> Path:
    """Where the 8-bit graph of these weights is kept."""
    return graph_dir / f"{MODEL}-{files.weights_hash}-int8-r1.onnx"


def _graph(files: RampartFiles) -> bytes:
    from thriftgate.stores.rampart.graph import build_token_graph

    return build_token_graph(files.graph)


def _session(graph: Path | bytes, threads: int) -> "InferenceSession":
    """Of the file if there is one: onnxruntime keeps a second copy of the weights of a graph it is given as bytes."""
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()  # pyright: ignore[reportUnknownVariableType]
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    source = str(graph) if isinstance(graph, Path) else graph
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
