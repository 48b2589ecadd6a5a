"""Child processes of `thriftgate up`: started with a log file, awaited by HTTP, stopped in order.

Failure behaviour: a child that ends before it answers raises ServiceFailedError with the last lines of its log.
A child that does not stop within its grace, or before a second Ctrl-C, is killed with all that it has started.
Children run in their own process group, so that Ctrl-C in the terminal reaches only us and the order of stopping is
ours.
"""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_TAIL = 15
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
    log: Path
    grace: float = _GRACE
    """Seconds that it may take to end after it was asked to."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it; what it prints goes to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.argv,
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs or was not started."""
        return None if self.process is None else self.process.poll()

    def tail(self) -> str:
        """The last lines of its log, or what it said when it refused to start."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        _, refused, said = text.rpartition("\nthriftgate cannot start:\n")
        return said.strip() if refused else "\n".join(text.splitlines()[-_TAIL:])

    def stop(self) -> None:
        """Ask it to end, and make it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(self.grace)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            # The whole group: workers that outlive their parent would keep its port.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def wait_until_ready(service: Service, *, patience: float, progress: Callable[[float], None]) -> None:
    """Wait until the service answers with 200. Raises ServiceFailedError."""
    started = time.monotonic()
    while (elapsed := time.monotonic() - started) < patience:
        if service.exit_code is not None:
            code = 2 if service.exit_code == 2 else 1
            raise ServiceFailedError(f"{service.label} did not start:\n{service.tail()}", exit_code=code)
        if _answers(service.ready_url):
            return
        progress(elapsed)
        time.sleep(0.2)
    raise ServiceFailedError(f"{service.label} did not answer within {patience:.0f} s; its log is {service.log}")


def wait_for_end(services: Sequence[Service]) -> ServiceFailedError:
    """Wait until one of the services ends by itself, which none of them should."""
    while True:
        for service in services:
            if service.exit_code is not None:
                return ServiceFailedError(f"{service.label} ended (exit code {service.exit_code}):\n{service.tail()}")
        time.sleep(0.5)


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
