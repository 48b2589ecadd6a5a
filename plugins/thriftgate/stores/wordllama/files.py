"""Where WordLlama's vectors are: inside the wheel `wordllama`, which is read but never imported.

The wheel's own module would set up logging for the whole process and may download from a hub; its files need neither.

Failure behaviour: a missing wheel, or a wheel without one of the files, is a ConfigurationError that says what to do;
it is raised when an embedder is made, not at the first request.
"""

from dataclasses import dataclass
from pathlib import Path

from thriftgate.stores.wheel_files import short_hash, wheel_files

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
    advice = (
        f"the fast embedder needs the package {WHEEL}, which has wheels for Linux on x86-64 and for macOS: "
        "run `uv sync`, or set `embedder.model: local`"
    )
    names = ("l2_supercat_256.safetensors", "l2_supercat_tokenizer_config.json")
    weights, tokenizer = wheel_files(WHEEL, names, advice=advice)
    return WordLlamaFiles(weights, tokenizer, short_hash(weights))
