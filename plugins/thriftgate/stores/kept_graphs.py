"""The graph of a model, built once and kept as two files: its nodes, and its weights, which onnxruntime maps.

Of mapped weights a process holds only the pages that it has looked at, and workers share those; read from the graph
they would be a copy for each.

It is built in a process that then ends: what a build needs beside its graph would stay this one's.

Failure behaviour: files that are damaged are built anew; where none can be written, or no process started, each start
builds its own.
"""

import contextlib
import hashlib
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

_PATIENCE = 120.0
_PAGE = 4096
"""Where in the file a weight begins, so that it can be mapped; a smaller one stays in the graph."""


def kept_graph(path: Path, build: Callable[[], bytes]) -> Path | bytes:
    """The file that keeps the graph, made if need be; the graph itself where it cannot be kept.

    `build` can be pickled: a function of a module with its arguments.
    """
    if _is_whole(path):
        return path
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.access(path.parent, os.W_OK):
            _run_apart(path, build)
    if _is_whole(path):
        return path
    graph = build()
    with contextlib.suppress(OSError):
        keep(path, graph)
    return path if _is_whole(path) else graph


def keep(path: Path, graph: bytes) -> None:
    """Write the files of a graph. Two processes that do so at once write the same bytes: whoever's stay are good."""
    nodes, weights = _apart(graph, weights_of(path).name)
    _replace(weights_of(path), weights)
    _replace(path, nodes)
    _replace(_digest_of(path), hashlib.sha256(nodes + weights).hexdigest().encode("ascii"))


def _run_apart(path: Path, build: Callable[[], bytes]) -> None:
    script = "import pickle, sys; keep, path, build = pickle.load(sys.stdin.buffer); keep(path, build())"
    subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps((keep, path, build)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_PATIENCE,
        check=False,
    )


def weights_of(path: Path) -> Path:
    """The file with the weights of a kept graph."""
    return path.with_suffix(".weights")


def _apart(graph: bytes, name: str) -> tuple[bytes, bytes]:
    """The graph, with its large weights in another file, and what stands in that."""
    import onnx

    model = onnx.load_from_string(graph)
    weights = bytearray()
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) >= _PAGE:
            weights += bytes(-len(weights) % _PAGE)
            where = {"location": name, "offset": str(len(weights)), "length": str(len(tensor.raw_data))}
            for key, value in where.items():
                tensor.external_data.add(key=key, value=value)
            weights += tensor.raw_data
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.ClearField("raw_data")
    return model.SerializeToString(deterministic=True), bytes(weights)


def _is_whole(path: Path) -> bool:
    """Whether the kept graph is there, and every bit of it as it was written."""
    found = hashlib.sha256()
    try:
        for part in (path, weights_of(path)):
            with part.open("rb") as file:
                while piece := file.read(1 << 20):
                    found.update(piece)
        return found.hexdigest() == _digest_of(path).read_text(encoding="ascii")
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
