"""Proxies that are forked from one process, which has imported LiteLLM already: a start takes three seconds, not ten.

`python -m tests.proxy.forked SOCKET` is that process. What a fork does is `thriftgate.proxy.serving`, whole: it reads
its environment, builds the application, starts uvicorn on the sockets that it is given, and ends by the same signals.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

from tests.proxy.waiting import eventually

SERVING = "thriftgate.proxy.serving"
_MOST_BYTES = 200_000
_MOST_FILES = 16
_PATIENCE = 240.0


class ForkedProcess:
    """Does what `subprocess.Popen` does for `thriftgate up`."""

    def __init__(self, kept: socket.socket, said: IO[bytes]) -> None:
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
        self.starts += 1
        ours, theirs = os.pipe()
        kept = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept.connect(str(self._address))
        request = json.dumps({"argv": argv[argv.index(SERVING) + 1 :], "environ": dict(env), "cwd": os.getcwd()})
        socket.send_fds(kept, [request.encode()], [theirs, *pass_fds])
        os.close(theirs)
        return ForkedProcess(kept, os.fdopen(ours, "rb"))


@contextmanager
def forks(folder: Path) -> Generator[Forks]:
    """The process with LiteLLM in it, until the block ends."""
    address, log = folder / "forks.sock", folder / "forks.log"
    argv = [sys.executable, "-m", "tests.proxy.forked", str(address)]
    root = Path(__file__).parents[2]
    with log.open("wb") as out:
        process = subprocess.Popen(argv, cwd=root, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        eventually(lambda: address.exists() or process.poll() is not None, _PATIENCE)
        assert address.exists(), log.read_text()
        yield Forks(address)
    finally:
        process.kill()
        process.wait()


def _serve_forks(address: Path) -> None:
    from thriftgate.proxy import serving

    serving.install()
    for heavy in ("litellm.proxy.proxy_cli", "litellm.proxy.proxy_server"):
        import_module(heavy)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    unfinished = address.with_suffix(".new")
    server.bind(str(unfinished))
    server.listen(8)
    unfinished.rename(address)
    while True:
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

    from thriftgate.proxy.serving import LISTENERS

    os.setsid()
    os.chdir(request["cwd"])
    os.dup2(files[0], 1)
    os.dup2(files[0], 2)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.environ[LISTENERS] = ",".join(str(file) for file in files[1:])
    sys.argv = ["litellm", *request["argv"]]
    run_server()


if __name__ == "__main__":
    _serve_forks(Path(sys.argv[1]))
