"""A real redis-server of our own, on a free port, that tests may stop, freeze and start again."""

import shutil
import signal
import socket
import subprocess
from pathlib import Path
from random import SystemRandom
from typing import Self

import pytest
import redis
from tests.proxy.waiting import eventually

BINARY = shutil.which("redis-server")
_ENGINE = Path(__file__).parents[2] / ".tools" / "query-engine" / "redis-server"
WITH_ENGINE = str(_ENGINE) if _ENGINE.exists() else None
"""The same with the query engine, where `scripts/query_engine.sh` has put it."""

# A node of a cluster speaks with the others on a port that much above its own: both must lie below 65536. From here,
# both also lie below what Linux hands out to connections (32768 to 60999), so that neither is taken meanwhile.
BUS = 10_000
PORTS_OF_CLUSTERS = range(10_240, 22_000)


def _free_port(*, is_cluster: bool) -> int:
    """A port that nobody listens on; for a node of a cluster one whose bus is free as well."""
    if not is_cluster:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])
    for port in SystemRandom().sample(PORTS_OF_CLUSTERS, 100):
        with socket.socket() as node, socket.socket() as bus:
            try:
                node.bind(("127.0.0.1", port))
                bus.bind(("127.0.0.1", port + BUS))
            except OSError:
                continue
            return port
    raise RuntimeError("no port from 10240 to 21999 is free together with the one 10,000 above it")


class RedisProcess:
    """One server; it keeps its port over restarts, and nothing on disk. As a context it runs from start to end.

    Where no redis-server is installed, a test that wants one is skipped.
    """

    def __init__(self, folder: Path, *, is_cluster: bool = False, binary: str | None = BINARY) -> None:
        """`is_cluster`: the one node of a cluster, which refuses a script whose keys lie in several slots."""
        if binary is None:
            pytest.skip("there is no redis-server on this machine (apt-get install redis-server)")
        self._binary = binary
        self._folder = folder
        self._is_cluster = is_cluster
        self.port: int = _free_port(is_cluster=is_cluster)
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return when it accepts connections."""
        command = [self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"]
        command += ["--cluster-enabled", "yes"] if self._is_cluster else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if "Ready to accept connections" in line:
                self._process = process
                if self._is_cluster:
                    self._take_every_slot()
                return
        raise RuntimeError("redis-server did not start:\n" + "".join(lines))

    def _take_every_slot(self) -> None:
        with redis.Redis(port=self.port) as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            # Its state turns to ok with the next turn of its own timer.
            assert eventually(lambda: client.cluster("INFO")["cluster_state"] == "ok")

    def stop(self) -> None:
        """End it, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def freeze(self) -> None:
        """It keeps its connections, but answers no more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
