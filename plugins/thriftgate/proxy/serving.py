"""`python -m thriftgate.proxy.serving`: LiteLLM's own command, on sockets that outlive it.

`thriftgate up` binds the port once and hands the sockets to each proxy that it starts, so that a second one can serve
beside the first, and nobody who connects meanwhile is refused. This module changes uvicorn in two places only: where a
server starts (it loads the models that run here before it listens, takes the sockets, and leaves a file that says it is
ready) and what SIGUSR1 does: it *retires*. A
retired server accepts no connection; who asks on an open one is answered and told to connect anew; what is idle ends
with its keep-alive time; what still runs after that is drained like at any stop, see `lifetime.py`.

LiteLLM puts folders above the working directory in front of all others on `sys.path`, for its own developers: a stray
`redis.py` two folders up would be taken for the package. Such folders are kept out.

Failure behaviour: without sockets in the environment LiteLLM's command runs as it is. A socket that cannot be taken
ends the process, and the one who started it says why.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, SupportsIndex, cast

import uvicorn.supervisors.multiprocess as multiprocess
from uvicorn import Config, Server
from uvicorn.lifespan.on import LifespanOn

LISTENERS = "THRIFTGATE_LISTENERS"
"""File descriptors of bound sockets, separated by commas."""
READY_DIR = "THRIFTGATE_READY_DIR"
"""Each worker that serves leaves a file of its process id there."""
RETIRE = signal.SIGUSR1
_GRACE = 1.0
"""Seconds beside the keep-alive time until an idle connection must be gone."""
_CLOSE = (b"connection", b"close")

_tasks: set[asyncio.Task[None]] = set()


@cache
def inherited() -> tuple[socket.socket, ...]:
    """The sockets that this process was started with."""
    # A worker of several gets them another way, and the same numbers mean something else there.
    numbers = os.environ.pop(LISTENERS, "")
    return tuple(socket.socket(fileno=int(number)) for number in numbers.split(",") if number)


class Retirement:
    """How one server goes while another has taken its place."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def begin(self) -> None:
        """Accept nothing more; call it in the loop that serves."""
        task = asyncio.get_running_loop().create_task(self.run(), name="thriftgate:retire")
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    async def run(self) -> None:
        """Until nobody is connected who could ask again; then the process is told to stop."""
        server = self._server
        for listener in server.servers:
            listener.close()
        server.config.encoded_headers.append(_CLOSE)
        server.server_state.default_headers.append(_CLOSE)
        self._close_after_answers()
        ends = time.monotonic() + server.config.timeout_keep_alive + _GRACE
        while server.server_state.connections and time.monotonic() < ends:
            await asyncio.sleep(0.05)
            self._close_after_answers()
        os.kill(os.getpid(), signal.SIGTERM)

    def _close_after_answers(self) -> None:
        """An answer that began before it could say so ends its connection as well."""
        for connection in list(self._server.server_state.connections):
            cycle = cast("Any", getattr(connection, "cycle", None))
            if cycle is not None and not cycle.response_complete:
                connection.shutdown()


class ModulePath(list[str]):
    """A `sys.path` in front of which nobody can put the working directory, nor one above it."""

    def insert(self, index: SupportsIndex, item: str, /) -> None:
        """The working directory goes to the end, for a configuration's own modules; one above it goes nowhere."""
        here, put = Path.cwd(), Path(item).absolute()
        if put == here:
            self.append(item)
        elif not here.is_relative_to(put) or item in self:
            super().insert(index, item)


def install() -> None:
    """Change uvicorn in this process, and what LiteLLM does to the module path."""
    sys.path = ModulePath(sys.path)
    start, start_application = Server.startup, LifespanOn.startup

    async def startup_application(self: LifespanOn) -> None:
        try:
            await start_application(self)
        finally:
            gc.enable()
        # LiteLLM imports it from its configuration; imported by anybody else it would be a second gateway.
        plugin = sys.modules.get("thriftgate.proxy.plugin")
        if plugin is not None:
            await plugin.finish_start()

    async def startup(self: Server, sockets: list[socket.socket] | None = None) -> None:
        await start(self, sockets=sockets or list(inherited()) or None)
        asyncio.get_running_loop().add_signal_handler(RETIRE, Retirement(self).begin)
        if folder := os.environ.get(READY_DIR):
            await asyncio.to_thread(Path(folder, str(os.getpid())).touch)

    def bound(self: Config) -> socket.socket:
        return inherited()[0] if inherited() else bind(self)

    bind = Config.bind_socket
    Server.startup = startup
    LifespanOn.startup = startup_application
    Config.bind_socket = bound
    # By the module's name: `uvicorn.main` is the command of that name.
    setattr(import_module("uvicorn.main"), "Multiprocess", _Workers)  # noqa: B010  not exported there


class _Workers(multiprocess.Multiprocess):
    """uvicorn's supervisor of several workers, which can retire too."""

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets=list(inherited()) or sockets)
        self._is_retiring = False
        gc.enable()

    def handle_usr1(self) -> None:
        """Every worker retires, and ends by itself."""
        self._is_retiring = True
        for process in self.processes:
            if process.pid is not None:
                os.kill(process.pid, RETIRE)
        self.should_exit.set()

    def terminate_all(self) -> None:
        """Workers that retire are not hurried."""
        if not self._is_retiring:
            super().terminate_all()


if __name__ in ("__main__", "__mp_main__"):
    # Of the 700,000 objects that a start makes nearly none is garbage; whoever finishes the start collects again.
    gc.disable()
    install()

if __name__ == "__main__":
    from litellm import run_server

    run_server()
