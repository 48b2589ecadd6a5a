"""multilingual-e5-small on this CPU: texts in, unit vectors out, one call at a time.

Its vectors all point one way (the cosine of two questions about nothing in common is 0.8), so their mean is taken off
before they get length 1: cosines then spread as MiniLM's do. The mean is that of our own questions in a dozen languages
(`evals.cache.centre`).

A text longer than the window (256 tokens) keeps its beginning and its end, as with MiniLM.

Failure behaviour: a graph on disk that is damaged is built anew; a directory that cannot be written costs a build (some
seconds) at every start and nothing else. Missing weights are a ConfigurationError, others a ValueError or KeyError.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from thriftgate.caching.differences.composing import composed
from thriftgate.stores.e5.files import MODEL, E5Files
from thriftgate.stores.e5.packed import Numbers, PackedModel, unpacked_words
from thriftgate.stores.kept_graphs import GraphBuilding, kept_graph
from thriftgate.stores.minilm.model import MAX_CHARACTERS, MAX_TOKENS, Precision, fitting_ids
from thriftgate.stores.onnx_sessions import session_of
from thriftgate.stores.readable_texts import both_ends

E5_REVISION = 2
"""Goes up with every change that moves vectors; old ones are then never compared with new ones."""

_GRAPH_REVISION = 2
"""Goes up with every change of the graph."""

_LOUD_CHANNELS = (15, 35, 60, 87, 146, 219, 297, 321, 351, 383)
_PREFIX = "query: "
"""Before both of two texts that are compared, says its model card."""
_HEAD = 130
"""Tokens behind <s> that are kept of a text that is too long, the prefix among them."""
_SPACES = re.compile(" {2,}")
_NEVER_TYPED = "\x01"
"""The normalisation leaves none of it: a piece with it is never found in a text."""
_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def fingerprint_of_e5(files: E5Files, precision: Precision) -> str:
    """Names everything a vector depends on, in characters that files, keys and table names may hold."""
    return f"{MODEL}-{files.weights_hash}-{precision}-centred-{MAX_TOKENS}-r{E5_REVISION}"


class E5:
    """The loaded model. Not thread-safe: one thread calls it.

    Args:
        files: The installed weights.
        graph_dir: Where the built graph is kept; it is made when it does not exist.
        precision: `int8`, or the slower `fp32` to compare with.
        threads: CPU threads of one call.
        is_centred: False for the vectors before their mean is taken off.
        building: What another thread may end.
    """

    def __init__(
        self,
        files: E5Files,
        graph_dir: Path,
        *,
        precision: Precision,
        threads: int,
        is_centred: bool = True,
        building: GraphBuilding | None = None,
    ) -> None:
        from tokenizers import Tokenizer, models, pre_tokenizers

        packed = PackedModel(files.weights)
        self._begin, self._end = packed.begin, packed.end
        self._normalisation = dict(packed.normalisation)
        special = {place for place, (piece, _) in enumerate(packed.pieces) if re.fullmatch("<.+>", piece)}
        # A user who writes "</s>" means the four characters.
        pieces = [
            (f"{_NEVER_TYPED}{place}" if place in special else piece, score)
            for place, (piece, score) in enumerate(packed.pieces)
        ]
        self._tokenizer = Tokenizer(models.Unigram(pieces, unk_id=packed.unknown))
        self._tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
        self._words = packed.words()
        places = packed.tensor("emb.pos").reshape(-1, packed.width)[:MAX_TOKENS]
        self._places = places + packed.tensor("emb.type")[: packed.width]
        self._centre = centre() if is_centred else np.zeros(packed.width, np.float32)
        path = graph_dir / f"{MODEL}-{files.weights_hash}-{precision}-r{_GRAPH_REVISION}.onnx"
        kept = kept_graph(path, partial(_graph, files, precision), building)
        self._session = session_of(kept, threads, keeps_plans=False, is_exact=True)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, <s> and </s> included, at most 256."""
        encodings = self._tokenizer.encode_batch([self._normalised(text) for text in texts], add_special_tokens=False)
        return [fitting_ids([self._begin, *encoding.ids, self._end], head=_HEAD) for encoding in encodings]

    def run(self, token_ids: Sequence[Sequence[int]]) -> Numbers:
        """One vector per text, shape (texts, 384); the shorter texts are padded to the longest."""
        lengths = np.array([len(ids) for ids in token_ids], dtype=np.int32)
        embedded = np.zeros((len(token_ids), int(lengths.max()), self._places.shape[1]), dtype=np.float32)
        for row, ids in enumerate(token_ids):
            embedded[row, : len(ids)] = unpacked_words(self._words, ids) + self._places[: len(ids)]
        feed = {"embedded": embedded, "lengths": lengths}
        (found,) = cast("list[Numbers]", self._session.run(["embedding"], feed))
        moved = found - self._centre
        return moved / np.linalg.norm(moved, axis=1, keepdims=True)

    def _normalised(self, text: str) -> str:
        # The rules replace one code point each; SentencePiece puts a letter and its marks together besides.
        return _SPACES.sub(" ", _PREFIX + composed(both_ends(text, MAX_CHARACTERS).translate(self._normalisation)))


def centre() -> npt.NDArray[np.float32]:
    """The mean of many questions' vectors, shape (384,)."""
    text = resources.files("thriftgate.stores.e5").joinpath("centre.json").read_text(encoding="utf-8")
    return np.array(json.loads(text)["centre"], dtype=np.float32)


def _graph(files: E5Files, precision: Precision) -> bytes:
    from thriftgate.stores.minilm.graph import EncoderShape, build_graph

    packed = PackedModel(files.weights)
    shape = EncoderShape(MODEL, packed.layers, _LOUD_CHANNELS, has_words=False)
    return build_graph(_weights(packed), precision, shape)


def _weights(packed: PackedModel) -> Mapping[str, Numbers]:
    """Every tensor of the encoder, by BERT's own names."""
    found = {
        "embeddings.LayerNorm.weight": packed.tensor("emb.ln.w"),
        "embeddings.LayerNorm.bias": packed.tensor("emb.ln.b"),
    }
    for layer in range(packed.layers):
        for short, name in _NAMES.items():
            bias = packed.tensor(f"l{layer}.{short}.b")
            weight = packed.tensor(f"l{layer}.{short}.w")
            is_norm = short in ("aln", "oln")
            found[f"encoder.layer.{layer}.{name}.bias"] = bias
            found[f"encoder.layer.{layer}.{name}.weight"] = weight if is_norm else weight.reshape(len(bias), -1)
    return found
