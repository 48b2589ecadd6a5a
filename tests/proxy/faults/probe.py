"""Asks a gateway whether it lives, twenty times a second, from a process of its own.

In the process that makes and sends large bodies it would wait for these, and measure its neighbour.

`python probe.py HOST PORT` goes on until its input ends, then prints the seconds that each answer took.
"""

import http.client
import json
import select
import subprocess
import sys
import time

_PAUSE = 0.05


class Probe:
    """The process, and what it measured when it is over."""

    def __init__(self, url: str) -> None:
        self.seconds: list[float] = []
        self._address = url.removeprefix("http://").split(":")

    def __enter__(self) -> "Probe":
        argv = [sys.executable, __file__, *self._address]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        told, _none = self._process.communicate(timeout=90)
        self.seconds = sorted(json.loads(told))

    def at(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        return round(self.seconds[int(share * (len(self.seconds) - 1))] * 1000, 1)


def _asked(host: str, port: int) -> list[float]:
    seconds: list[float] = []
    connection = http.client.HTTPConnection(host, port, timeout=60)
    while not select.select([sys.stdin], [], [], _PAUSE)[0]:
        started = time.perf_counter()
        connection.request("GET", "/health/liveliness")
        connection.getresponse().read()
        seconds.append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    print(json.dumps(_asked(sys.argv[1], int(sys.argv[2]))))  # noqa: T201  for the process that started this one
