"""The graph of a model, built once and kept as two files: its nodes, and its weights, which onnxruntime maps.

Of mapped weights a process holds only the pages that it has looked at, and workers share those; read from the graph
they would be a copy for each.

It is built in a process that then ends: what a build needs beside its graph would stay this one's. That process takes
its modules from where this one does, and from no other folder.

Failure behaviour: files that are damaged are built anew; where none can be written, or no process started, each start
builds its own. A process that fails is one warning with its exit code. One that is not done after two minutes is ended,
and that is a StoreUnavailableError: a build that hangs would do so here as well, where nobody could end it. After
`GraphBuilding.stop` nothing is built any more: a StoreUnavailableError.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from thriftgate.errors import StoreUnavailableError

logger = logging.getLogger(__name__)

_PATIENCE = 120.0
_PAGE = 4096
"""Where in the file a weight begins, so that it can be mapped; a smaller one stays in the graph."""


class GraphBuilding:
    """The processes that build a graph, which another thread may end: more than one where a thread was given up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the two below
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._is_stopped = False

    def stop(self) -> None:
        """End what runs, and let nothing begin."""
        with self._lock:
            self._is_stopped = True
            for process in self._processes:
                process.kill()

    def go_on(self) -> None:
        """Raises StoreUnavailableError after `stop`."""
        if self._is_stopped:
            raise StoreUnavailableError("a model is no longer built: the gateway stops")

    def run(self, path: Path, build: Callable[[], bytes]) -> None:
        """Build and keep a graph in a process of its own.

        Raises OSError where none can be started, and StoreUnavailableError when it does not end.
        """
        with self._lock:
            self.go_on()
            process = _process()
            self._processes.add(process)
        try:
            process.communicate(pickle.dumps((keep, path, build)), timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.go_on()
            raise StoreUnavailableError(f"building {path.name} took longer than {_PATIENCE:g} s") from None
        finally:
            with self._lock:
                self._processes.discard(process)
        self.go_on()
        if process.returncode:
            logger.warning(
                "the process that builds %s ended with exit code %d; it is built in this one",
                path.name,
                process.returncode,
            )


def kept_graph(path: Path, build: Callable[[], bytes], building: GraphBuilding | None = None) -> Path | bytes:
    """The file that keeps the graph, made if need be; the graph itself where it cannot be kept.

    `build` can be pickled: a function of a module with its arguments. Raises StoreUnavailableError when `building` was
    stopped before the graph was there.
    """
    if _is_whole(path):
        return path
    building = building or GraphBuilding()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if sys.executable and os.access(path.parent, os.W_OK):
            building.run(path, build)
    if _is_whole(path):
        return path
    building.go_on()
    graph = build()
    with contextlib.suppress(OSError):
        keep(path, graph)
    return path if _is_whole(path) else graph


def keep(path: Path, graph: bytes) -> None:
    """Write the files of a graph. Two processes that do so at once write the same bytes: whoever's stay are good."""
    nodes, weights = _apart(graph, weights_of(path).name)
    for part in (path, weights_of(path), _digest_of(path)):
        _clear(part)
    _replace(weights_of(path), weights)
    _replace(path, nodes)
    _replace(_digest_of(path), hashlib.sha256(nodes + weights).hexdigest().encode("ascii"))


def _process() -> subprocess.Popen[bytes]:
    script = "import pickle, sys; keep, path, build = pickle.load(sys.stdin.buffer); keep(path, build())"
    modules = os.pathsep.join(entry for entry in sys.path if os.path.isabs(entry))
    return subprocess.Popen(
        [sys.executable, "-P", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": modules},
        # Ctrl-C is for this process, which ends that one: it would else seem to have failed, and be made up for here.
        start_new_session=True,
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
            # Where files cannot be locked, `_clear` gets no lock either.
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            file.write(content)
            file.flush()
            Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _clear(path: Path) -> None:
    """Remove what a process that was killed had written of this file; what nobody has locked is nobody's any more."""
    for left in path.parent.glob(f".{path.name}.*"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # An empty one may have been made a moment ago, and be locked the next.
            if os.fstat(file.fileno()).st_size:
                left.unlink(missing_ok=True)
