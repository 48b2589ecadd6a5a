"""What each worker has counted, as one small JSON file per process under `data_dir`, for whoever is scraped.

A worker holds a lock on a file of its own for as long as it lives; the kernel lets go of it however the process ends,
so the others need no process ids, which are given out again. Who starts while nobody else lives removes what is left
of an earlier gateway: counters begin at zero, as Prometheus expects of a restart. Who starts beside living workers
leaves the files of the dead ones: what they had counted still belongs to this gateway.

Failure behaviour: `open()`, `write()` and `others()` raise OSError when the folder cannot be used. A file that is no
JSON (never our own: files are put in place whole) is passed over and counted in `unreadable`.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

FOLDER = "metrics"
Snapshot = Mapping[str, Any]


class MetricFiles:
    """The folder of one gateway's snapshots, seen by one of its workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._alive: int | None = None
        self.unreadable = 0
        """Snapshots of others that could not be read."""

    def open(self) -> None:
        """Count as alive from now on, until `close()` or the end of the process; again changes nothing."""
        if self._alive is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        # One at a time: a file that was just made is not locked yet, and would seem to be a dead worker's.
        with _locked(self._folder / "starting"):
            if not any(is_alive for _, is_alive in self._workers()):
                for path in [*self._folder.glob("*.json"), *self._folder.glob("*.alive"), *self._folder.glob("*.new")]:
                    path.unlink(missing_ok=True)
            self._alive = os.open(self._folder / f"{self._name}.alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._alive, fcntl.LOCK_EX)

    def close(self) -> None:
        """Count as ended; what was written stays for the others."""
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    def write(self, snapshot: Snapshot) -> None:
        """Put this worker's snapshot in place of its last one."""
        self.open()
        aside = self._folder / f"{self._name}.new"
        aside.write_text(json.dumps(snapshot), encoding="utf-8")
        aside.replace(self._folder / f"{self._name}.json")

    def others(self) -> Sequence[tuple[Snapshot, bool]]:
        """The last snapshot of every other worker of this gateway, and whether it still lives."""
        found: list[tuple[Snapshot, bool]] = []
        for name, is_alive in self._workers():
            path = self._folder / f"{name}.json"
            if name == self._name or not path.exists():
                continue
            try:
                read: object = json.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except ValueError:
                read = None
            if isinstance(read, dict):
                found.append((cast("Snapshot", read), is_alive))
            else:
                self.unreadable += 1
        return found

    def _workers(self) -> Iterator[tuple[str, bool]]:
        for path in sorted(self._folder.glob("*.alive")):
            yield path.stem, self._is_locked(path)

    def _is_locked(self, path: Path) -> bool:
        if path.stem == self._name:
            return self._alive is not None
        try:
            probe = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(probe)
        return False


@contextmanager
def _locked(path: Path) -> Generator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
