"""The graph of a model, built once and kept as a file from which onnxruntime reads its weights.

Failure behaviour: a file that is damaged is built anew; where none can be written, each start builds its own.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept_graph(path: Path, build: Callable[[], bytes]) -> Path | bytes:
    """The file that keeps the graph, made if need be; the graph itself where it cannot be kept."""
    if _is_whole(path):
        return path
    graph = build()
    # Two processes that build at once write the same bytes, so it does not matter whose file stays.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, graph)
        _replace(_digest_of(path), hashlib.sha256(graph).hexdigest().encode("ascii"))
    return path if _is_whole(path) else graph


def _is_whole(path: Path) -> bool:
    """Whether the kept graph is there, and every bit of it as it was written."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        return found == _digest_of(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return False


def _digest_of(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or none."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
