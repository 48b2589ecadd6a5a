"""A PostgreSQL server of our own that tests may freeze: the embedded one, with all its processes."""

import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

from thriftgate.stores.embedded.database import EmbeddedPostgres, prepare_embedded


class PostgresProcess:
    """One server on a folder of its own, migrated."""

    def __init__(self) -> None:
        # Not under pytest's own folder: that is closed to the system user that root's server runs as.
        self._folder = Path(tempfile.mkdtemp(prefix="thriftgate-frozen-"))
        self._folder.chmod(0o755)
        self._server = EmbeddedPostgres(self._folder)
        self.dsn = ""

    def start(self) -> None:
        """Start it, and return when it has our tables."""
        self.dsn = prepare_embedded(self._server.start(), self._folder)

    def stop(self) -> None:
        """End it for good."""
        self.thaw()
        self._server.release()
        shutil.rmtree(self._folder, ignore_errors=True)

    def freeze(self) -> None:
        """It keeps its connections and takes new ones, but answers no more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        pid = int((self._folder / "postgres" / "postmaster.pid").read_text().split()[0])
        # The postmaster first: it starts no other then.
        os.kill(pid, number)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(ProcessLookupError):  # a helper that has just ended
                os.kill(int(child), number)
