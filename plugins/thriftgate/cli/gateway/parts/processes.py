"""Child processes of `thriftgate up`: started with a log, awaited until they are ready, stopped in order.

Failure behaviour: a child that ends before it answers raises ServiceFailedError with the last lines of its log.
A child that does not stop within its grace, or before a second Ctrl-C, is killed with all that it has started.
Children run in their own process group, so that Ctrl-C in the terminal reaches only us and the order of stopping is
ours.
"""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from thriftgate.cli.gateway.parts.log_files import RotatedLog, pump, to_stdout

LISTENERS = "THRIFTGATE_LISTENERS"
READY_DIR = "THRIFTGATE_READY_DIR"
RETIRE = signal.SIGUSR1
"""What `thriftgate.proxy.serving` reads and obeys; a command cannot import it without LiteLLM's weight."""
_TAIL = 15
_KEPT_LINES = 400
_PUMPING = 2.0
"""Seconds that the last lines of an ended child may take to be written."""
_GRACE = 10.0


class ServiceFailedError(Exception):
    """A child process did not come up, or ended by itself."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        self.exit_code = exit_code
        super().__init__(message)


@dataclass(slots=True)
class Service:
    """A child process and how to know that it is ready."""

    label: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    ready_url: str
    log: Path | None
    """Where what it prints is appended to; None: it goes to our own standard output, as lines of JSON."""
    grace: float = _GRACE
    """Seconds that it may take to end after it was asked to."""
    sockets: Sequence[socket.socket] = ()
    """Bound sockets that it serves on."""
    ready_dir: Path | None = None
    """Where each of its workers leaves a file once it serves; None: `ready_url` is asked."""
    workers: int = 1
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _said: deque[str] = field(default_factory=lambda: deque[str](maxlen=_KEPT_LINES), init=False)
    _pump: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it; what it prints goes to its log."""
        numbers = [one.fileno() for one in self.sockets]
        environ = dict(self.environ)
        if numbers:
            environ[LISTENERS] = ",".join(str(number) for number in numbers)
        if self.ready_dir is not None:
            shutil.rmtree(self.ready_dir, ignore_errors=True)
            self.ready_dir.mkdir(parents=True)
            environ[READY_DIR] = str(self.ready_dir)
        write = to_stdout if self.log is None else RotatedLog(self.log).write
        self.process = subprocess.Popen(
            self.argv,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=numbers,
        )
        assert self.process.stdout is not None

        def carry(line: bytes) -> None:
            self._said.append(line.decode("utf-8", "replace").rstrip("\n"))
            write(line)

        self._pump = pump(self.process.stdout, carry, name=self.label)

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs or was not started."""
        return None if self.process is None else self.process.poll()

    @property
    def is_ready(self) -> bool:
        """Whether it serves."""
        if self.ready_dir is None:
            return _answers(self.ready_url)
        return sum(1 for _ in self.ready_dir.iterdir()) >= self.workers

    def tail(self) -> str:
        """The last lines it said, or what it said when it refused to start."""
        if self._pump is not None and self.exit_code is not None:
            self._pump.join(_PUMPING)
        text = "\n".join(self._said)
        _, refused, said = text.rpartition("thriftgate cannot start:\n")
        return said.strip() if refused else "\n".join(text.splitlines()[-_TAIL:])

    def retire(self) -> None:
        """Let it go on with what it has, while another serves what is new; it ends by itself."""
        if self.exit_code is None and self.process is not None:
            self.process.send_signal(RETIRE)

    def stop(self) -> None:
        """Ask it to end, and make it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(self.grace)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                self.kill()
        if self._pump is not None:
            self._pump.join(_PUMPING)
        if self.ready_dir is not None:
            shutil.rmtree(self.ready_dir, ignore_errors=True)

    def kill(self) -> None:
        """End it at once, with all that it has started: workers that outlive their parent would keep its port."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def wait_until_ready(service: Service, *, patience: float, progress: Callable[[float], None]) -> None:
    """Wait until the service answers with 200. Raises ServiceFailedError."""
    started = time.monotonic()
    while (elapsed := time.monotonic() - started) < patience:
        if service.exit_code is not None:
            code = 2 if service.exit_code == 2 else 1
            raise ServiceFailedError(f"{service.label} did not start:\n{service.tail()}", exit_code=code)
        if service.is_ready:
            return
        progress(elapsed)
        time.sleep(0.2)
    raise ServiceFailedError(f"{service.label} did not answer within {patience:.0f} s{_where(service)}")


def _where(service: Service) -> str:
    return f"; its log is {service.log}" if service.log is not None else ""


def stop_all(services: Sequence[Service]) -> None:
    """Stop them, the last one first."""
    for service in reversed(services):
        service.stop()


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
