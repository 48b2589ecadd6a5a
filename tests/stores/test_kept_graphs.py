"""Where a model's graph is built, what becomes of a build that fails or is ended, and what is left in the folder."""

import asyncio
import fcntl
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from thriftgate.errors import StoreUnavailableError
from thriftgate.stores import kept_graphs
from thriftgate.stores.kept_graphs import GraphBuilding, kept_graph, weights_of
from thriftgate.stores.minilm.embedder import EncoderEmbedder

PLUGINS = Path(__file__).parents[2] / "plugins"

BUILDS = """
import os
import signal
from pathlib import Path

def build(folder):
    import numpy, onnx
    Path(folder, "built by").write_text(str(os.getpid()))
    weight = onnx.numpy_helper.from_array(numpy.ones((64, 64), numpy.float32), "weight")
    node = onnx.helper.make_node("Identity", ["weight"], ["out"])
    out = onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, [64, 64])
    return onnx.helper.make_model(onnx.helper.make_graph([node], "graph", [], [out], [weight])).SerializeToString()

def build_here_alone(folder, here):
    if os.getpid() != here:
        raise SystemExit(3)
    return build(folder)

def build_for_ever(folder, here):
    if os.getpid() == here:
        raise AssertionError("built in the process that was stopped")
    with open(Path(folder, "told"), "w") as told:
        told.write("begun\\n")
        told.flush()
        signal.pause()
"""


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Functions of a module that only the path of this process knows."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "some_builds.py").write_text(BUILDS)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "some_builds", raising=False)
    return import_module("some_builds")


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return tmp_path / "models" / "graph.onnx"


def builder_of(tmp_path: Path) -> int:
    return int((tmp_path / "built by").read_text())


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_what_a_build_needs_is_not_in_the_process_that_keeps_the_graph(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from thriftgate.stores.minilm.model import MiniLM; from thriftgate.stores.minilm.files import find_minilm\n"
        "MiniLM(find_minilm(), Path(sys.argv[1]), precision='int8', threads=1)\n"
        "print('onnx' in sys.modules, sorted(path.suffix for path in Path(sys.argv[1]).iterdir()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "models")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PLUGINS)},
    )
    assert done.stdout.strip() == "False ['.onnx', '.sha256', '.weights']"


def test_the_other_process_has_this_ones_modules_and_none_of_the_working_directory(
    builds: Any, graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    for name in ("numpy", "onnx", "some_builds"):
        (here / f"{name}.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", ["", ".", *sys.path])
    assert kept_graph(graph, partial(builds.build, str(tmp_path))) == graph
    assert builder_of(tmp_path) != os.getpid()
    assert warnings_of(caplog) == []


def test_a_process_that_fails_is_one_warning_and_the_graph_is_built_here(
    builds: Any, graph: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert kept_graph(graph, partial(builds.build_here_alone, str(tmp_path), os.getpid())) == graph
    assert warnings_of(caplog) == ["the process that builds graph.onnx ended with exit code 3; it is built in this one"]


@pytest.mark.parametrize("executable", [None, "", "/no/such/python"])
def test_where_no_process_can_be_started_the_graph_is_built_here(
    builds: Any, graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: str | None
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    assert kept_graph(graph, partial(builds.build, str(tmp_path))) == graph
    assert builder_of(tmp_path) == os.getpid()


@pytest.fixture
def endless(builds: Any, tmp_path: Path) -> Callable[[], bytes]:
    """A build that says that it has begun, and never ends; its pipe is closed when its process is gone."""
    os.mkfifo(tmp_path / "told")
    return partial(builds.build_for_ever, str(tmp_path), os.getpid())


def test_a_build_that_hangs_is_ended_and_is_not_begun_here_where_nobody_could_end_it(
    builds: Any, graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_graphs, "_PATIENCE", 0.2)
    with pytest.raises(StoreUnavailableError, match="took longer"):
        kept_graph(graph, partial(builds.build_for_ever, str(tmp_path), os.getpid()))


def test_a_build_that_is_stopped_ends_at_once_and_is_not_begun_here(
    endless: Callable[[], bytes], graph: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    building, ended = GraphBuilding(), list[BaseException]()

    def keep() -> None:
        try:
            kept_graph(graph, endless, building)
        except StoreUnavailableError as error:
            ended.append(error)

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    with (tmp_path / "told").open() as told:
        assert told.readline() == "begun\n"
        building.stop()
        assert told.read() == ""
    thread.join(30)
    assert [type(error) for error in ended] == [StoreUnavailableError]
    assert warnings_of(caplog) == []
    with pytest.raises(StoreUnavailableError):
        kept_graph(graph, endless, building)


async def test_an_embedder_that_is_closed_ends_the_build_it_waits_for(
    endless: Callable[[], bytes], graph: Path, tmp_path: Path
) -> None:
    def load(building: GraphBuilding) -> Any:
        return kept_graph(graph, endless, building)

    embedder = EncoderEmbedder(load, fingerprint="f", cache_size=0)
    loading, asked = asyncio.create_task(embedder.warm_up()), asyncio.create_task(embedder.embed(["a"]))
    with await asyncio.to_thread((tmp_path / "told").open) as told:
        assert told.readline() == "begun\n"
        await embedder.close()
        assert told.read() == ""
    for refused in (loading, asked):
        with pytest.raises(StoreUnavailableError):
            await refused


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(
    builds: Any, graph: Path, tmp_path: Path
) -> None:
    graph.parent.mkdir()
    left, written = (graph.parent / f".{weights_of(graph).name}.{end}" for end in ("left", "written"))
    for path in (left, written):
        path.write_bytes(b"half a graph")
    with written.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        kept_graph(graph, partial(builds.build, str(tmp_path)))
        names = {path.name for path in graph.parent.iterdir()}
    assert names == {"graph.onnx", "graph.weights", "graph.sha256", written.name}
