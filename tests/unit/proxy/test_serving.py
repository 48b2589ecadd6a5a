"""A server hands its port to another: what it has begun it ends, and nobody who connects is refused."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from tests.proxy.waiting import eventually

from thriftgate.proxy.serving import LISTENERS, READY_DIR

ROOT = Path(__file__).parents[3]
STRAY = """
import json, os, sys
from thriftgate.proxy.serving import install
install()
sys.path.insert(0, os.path.abspath("../.."))
sys.path.insert(0, os.path.abspath("./"))
sys.path.append(os.getcwd())
import colorsys, own_module
print(json.dumps([colorsys.__file__, own_module.__file__]))
"""
"""What LiteLLM does to the module path at its start, and imports after it."""


@pytest.mark.parametrize("above", ["", "..", "../.."])
def test_a_stray_file_of_a_packages_name_is_not_taken_for_it_and_a_configurations_own_modules_are_found(
    tmp_path: Path, above: str
) -> None:
    here = tmp_path / "a" / "b"
    here.mkdir(parents=True)
    (here / "own_module.py").write_text("")
    (here / above / "colorsys.py").write_text("raise SystemExit('a stray file was run')")
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "plugins")}
    argv = [sys.executable, "-P", "-c", STRAY]
    done = subprocess.run(argv, cwd=here, env=environ, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    taken, own = json.loads(done.stdout)
    assert not Path(taken).is_relative_to(tmp_path)
    assert Path(own) == here / "own_module.py"


class Port:
    """A bound socket, and the servers that serve on it one after the other."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._socket = stack.enter_context(socket.socket())
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    def start(self, workers: int) -> tuple[subprocess.Popen[bytes], set[str]]:
        """A server that serves, and its workers' process ids."""
        process, ready = self.begin(workers)
        assert eventually(lambda: len(list(ready.iterdir())) == workers or process.poll() is not None, 120)
        return process, {path.name for path in ready.iterdir()}

    def begin(self, workers: int, **environment: str) -> tuple[subprocess.Popen[bytes], Path]:
        """A server that starts, and where its workers say that they serve."""
        ready = self._folder / f"ready-{len(list(self._folder.iterdir()))}"
        ready.mkdir()
        number = self._socket.fileno()
        environ = {
            **os.environ, LISTENERS: str(number), READY_DIR: str(ready),
            "PYTHONPATH": f"{ROOT / 'plugins'}{os.pathsep}{ROOT}", **environment,
        }  # fmt: skip
        argv = [sys.executable, "-m", "tests.unit.proxy.served_app", str(workers)]
        process = subprocess.Popen(argv, cwd=ROOT, env=environ, pass_fds=[number], stderr=subprocess.DEVNULL)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process, ready


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    with ExitStack() as stack:
        yield Port(tmp_path, stack)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_retired_server_ends_what_it_has_begun_and_leaves_what_comes_to_the_next(port: Port, workers: int) -> None:
    first, old = port.start(workers)
    said: list[str] = []
    begun = threading.Event()

    def read() -> None:
        with httpx.stream("GET", port.url, params="12", timeout=60) as answer:
            for line in answer.iter_lines():
                said.append(line)
                begun.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(60)
    second, new = port.start(workers)
    first.send_signal(signal.SIGUSR1)
    thread.join(60)
    assert said[-1] == "end"
    assert set(said[:-1]) <= old
    assert first.wait(60) in (0, -signal.SIGTERM)
    answers = [httpx.get(port.url, params="1", timeout=60).text.splitlines() for _ in range(4)]
    assert {answer[-1] for answer in answers} == {"end"}
    assert {answer[0] for answer in answers} <= new
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) in (0, -signal.SIGTERM)


def test_who_keeps_a_connection_is_answered_by_the_retired_server_and_told_to_connect_anew(port: Port) -> None:
    first, old = port.start(1)
    # httpx forgets an idle connection after 5 s; another server takes longer to start on a busy machine.
    with httpx.Client(timeout=60, limits=httpx.Limits(keepalive_expiry=None)) as client:
        assert client.get(port.url, params="0").headers.get("connection") != "close"
        _, new = port.start(1)
        first.send_signal(signal.SIGUSR1)
        assert eventually(lambda: {httpx.get(port.url, params="1").text.split()[0] for _ in range(8)} <= new, 30)
        kept, next_one = client.get(port.url, params="1"), client.get(port.url, params="1")
    assert kept.text.split()[0] in old
    assert kept.headers["connection"] == "close"
    assert next_one.text.split()[0] in new
    assert first.wait(60) in (0, -signal.SIGTERM)


def test_a_server_listens_only_once_the_models_that_run_in_it_are_loaded(port: Port, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    process, ready = port.begin(1, SLOW_MODELS=str(models))
    assert eventually((models / "loading").exists, 120)
    assert not list(ready.iterdir())
    (models / "may_load").touch()
    assert eventually(lambda: bool(list(ready.iterdir())) or process.poll() is not None, 120)
    assert (models / "loaded").exists()
    assert httpx.get(port.url, params="1", timeout=60).text.splitlines()[-1] == "end"
