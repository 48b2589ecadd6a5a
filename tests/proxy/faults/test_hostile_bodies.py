"""Hostile bodies of up to 5 MB beside a probe: no internal error, nothing of our insides, and others are answered.

`THRIFTGATE_FUZZ_BODIES=10000 pytest -s tests/proxy/faults/test_hostile_bodies.py` is the whole run; it prints what it
measured. Time is measured and not judged here: a machine that is busy with something else is no fault.
"""

import json
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess
from tests.proxy.faults.conftest import HAIKU, OPUS, PATHS, ask, text_of
from tests.proxy.faults.hostile import bodies
from tests.proxy.upstream import says

pytestmark = pytest.mark.xdist_group("proxy-faults")

COUNT = int(os.environ.get("THRIFTGATE_FUZZ_BODIES", "200"))
SEED = int(os.environ.get("THRIFTGATE_FUZZ_SEED", "1"))
MODELS = ("one", "plainroute", "cached", "claude", "claudeone", "o-large", "opus", "nonsense")
INSIDES = ("Traceback", "site-packages", "/work/", ".py", "thriftgate.proxy")


class Probe:
    """Asks the gateway whether it lives, twenty times a second."""

    def __init__(self, url: str) -> None:
        self.seconds: list[float] = []
        self._url = url
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with httpx.Client(timeout=60) as http:
            while not self._is_over.wait(0.05):
                started = time.perf_counter()
                http.get(f"{self._url}/health/liveliness")
                self.seconds.append(time.perf_counter() - started)

    def __enter__(self) -> "Probe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def at(self, share: float) -> float:
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))]


@pytest.mark.timeout(6000)
def test_hostile_bodies_hurt_nobody(gateway: GatewayProcess) -> None:
    for model in (HAIKU, OPUS, "o-small", "o-large"):
        gateway.upstream.on(model, says("Fine."))
    statuses: Counter[int] = Counter()
    faults: list[tuple[str, bytes, str]] = []
    headers = {"Authorization": f"Bearer {CLIENT_KEY}", "Content-Type": "application/json"}

    def send(dialect: str, body: bytes) -> None:
        try:
            response = http.post(PATHS[dialect], content=body, headers=headers)
        except httpx.TransportError as error:
            faults.append((dialect, body[:300], repr(error)))
            return
        statuses[response.status_code] += 1
        told = response.text
        if response.status_code >= 500 or any(word in told for word in INSIDES):
            faults.append((dialect, body[:300], told[:300]))

    with (
        # A connection for each body: one that was kept may be closed by the server just as the next is sent.
        httpx.Client(base_url=gateway.base_url, timeout=120, limits=httpx.Limits(max_keepalive_connections=0)) as http,
        Probe(gateway.base_url) as probe,
        ThreadPoolExecutor(2) as pool,
    ):
        for future in [pool.submit(send, *one) for one in bodies(SEED, COUNT, MODELS)]:
            future.result()
    measured = {
        "bodies": COUNT, "statuses": dict(statuses), "probes": len(probe.seconds),
        "p50_ms": round(probe.at(0.5) * 1000, 1), "p99_ms": round(probe.at(0.99) * 1000, 1),
        "max_ms": round(probe.at(1) * 1000, 1),
    }  # fmt: skip
    print(json.dumps(measured))  # noqa: T201  what the command is run for
    assert not faults, faults[:20]
    for model in ("one", "claude", "plainroute"):
        assert text_of(ask(gateway, "chat", model, "still there?")) == "Fine."
