"""Proxies that are forked from one process, which has imported LiteLLM already: a start takes three seconds, not ten.

`python -m tests.proxy.forked SOCKET` is that process. A fork is LiteLLM's command from there on, whole: it reads its
environment and its configuration, imports the plugin, builds the application, starts uvicorn, and ends by the same
signals. With `serving` behind the socket's name it is `thriftgate.proxy.serving`, on the sockets that it is given.
LiteLLM's modules read nothing from the environment as they are imported that differs between our proxies.
"""

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import IO, Any, cast

from tests.proxy.waiting import eventually

SERVING = "thriftgate.proxy.serving"
_MOST_BYTES = 200_000
_MOST_FILES = 16
_PATIENCE = 240.0


class ForkedProcess:
    """Does what `subprocess.Popen` does for whoever starts a proxy."""

    def __init__(self, kept: socket.socket, said: IO[bytes] | None = None) -> None:
        self._kept = kept
        self.pid = int(kept.recv(64))
        self.stdout = said
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        if self.returncode is None:
            self._kept.setblocking(False)
            with suppress(BlockingIOError):
                self._end(self._kept.recv(64))
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self.returncode is None:
            self._kept.settimeout(timeout)
            try:
                self._end(self._kept.recv(64))
            except TimeoutError:
                raise subprocess.TimeoutExpired(SERVING, timeout or 0.0) from None
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """As the operating system does."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _end(self, told: bytes) -> None:
        self.returncode = int(told)
        self._kept.close()


class Forks:
    """Stands where `thriftgate.cli.gateway.parts.processes` has the module `subprocess`."""

    PIPE, STDOUT, DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL
    TimeoutExpired = subprocess.TimeoutExpired

    def __init__(self, address: Path) -> None:
        self._address = address
        self.starts = 0
        """How many proxies were asked for."""

    def Popen(  # noqa: N802  it is that class's name
        self, argv: Sequence[str], *, env: Mapping[str, str], pass_fds: Sequence[int], **rest: Any
    ) -> ForkedProcess | subprocess.Popen[bytes]:
        """A fork of LiteLLM's process for a proxy; anything else as ever."""
        if SERVING not in argv:
            return cast("subprocess.Popen[bytes]", subprocess.Popen(argv, env=env, pass_fds=pass_fds, **rest))
        ours, theirs = os.pipe()
        kept = self._ask(argv[argv.index(SERVING) + 1 :], env, os.getcwd(), [theirs, *pass_fds])
        os.close(theirs)
        return ForkedProcess(kept, os.fdopen(ours, "rb"))

    def start(self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, log: IO[bytes]) -> ForkedProcess:
        """`litellm` with these arguments, what it says in a file."""
        return ForkedProcess(self._ask(argv, env, str(cwd), [log.fileno()]))

    def _ask(self, argv: Sequence[str], env: Mapping[str, str], cwd: str, files: Sequence[int]) -> socket.socket:
        self.starts += 1
        kept = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept.connect(str(self._address))
        request = json.dumps({"argv": list(argv), "environ": dict(env), "cwd": cwd})
        socket.send_fds(kept, [request.encode()], files)
        return kept


@contextmanager
def forks(*words: str) -> Generator[Forks]:
    """The process with LiteLLM in it, until the block ends or whoever runs it is gone."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory(prefix="thriftgate-forks-") as name:
        address, log = Path(name) / "forks.sock", Path(name) / "forks.log"
        argv = [sys.executable, "-m", "tests.proxy.forked", str(address), *words]
        # As LiteLLM's command is run: nothing of the repository is beside the configuration.
        environ = {**os.environ, "PYTHONPATH": str(root)}
        with log.open("wb") as out:
            # In a session of its own: Ctrl-C is for whoever runs the tests, which then ends the proxies.
            process = subprocess.Popen(
                argv, cwd=name, env=environ, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True
            )
        try:
            eventually(lambda: address.exists() or process.poll() is not None, _PATIENCE)
            assert address.exists(), log.read_text()
            yield Forks(address)
        finally:
            process.kill()
            process.communicate()


def _serve_forks(address: Path, words: Sequence[str]) -> None:
    if words == ["serving"]:
        from thriftgate.proxy import serving

        serving.install()
    gc.disable()  # as in `serving`: nearly nothing of what the imports make is garbage
    for heavy in ("litellm.proxy.proxy_cli", "litellm.proxy.proxy_server"):
        import_module(heavy)
    gc.enable()
    sys.path[:] = ["" if path == str(address.parent) else path for path in sys.path if path != os.environ["PYTHONPATH"]]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    unfinished = address.with_suffix(".new")
    server.bind(str(unfinished))
    server.listen(8)
    unfinished.rename(address)
    # Standard input ends with the process that started this one, however that ended.
    while 0 not in select.select([server, 0], [], [])[0]:
        asked, _ = server.accept()
        if os.fork() == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _keep(asked)
            return
        asked.close()


def _keep(asked: socket.socket) -> None:
    """Start one, and tell who asked how it ended."""
    told, files, _, _ = socket.recv_fds(asked, _MOST_BYTES, _MOST_FILES)
    request = cast("dict[str, Any]", json.loads(told))
    pid = os.fork()
    if pid == 0:
        asked.close()
        _become(request, files)
        return
    for file in files:
        os.close(file)
    asked.send(str(pid).encode())
    _, status = os.waitpid(pid, 0)
    asked.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: Mapping[str, Any], files: Sequence[int]) -> None:
    from litellm import run_server

    os.setsid()
    os.chdir(request["cwd"])
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for number in (1, 2):
        os.dup2(files[0], number)
    os.environ.clear()
    os.environ.update(request["environ"])
    if files[1:]:
        from thriftgate.proxy.serving import LISTENERS

        os.environ[LISTENERS] = ",".join(str(file) for file in files[1:])
    sys.argv = ["litellm", *request["argv"]]
    # uvicorn's workers are started anew, and import what they find here: nothing, as in LiteLLM's command.
    sys.modules["__main__"] = ModuleType("__main__")
    run_server()


if __name__ == "__main__":
    _serve_forks(Path(sys.argv[1]), sys.argv[2:])
