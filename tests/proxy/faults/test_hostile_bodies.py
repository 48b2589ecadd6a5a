"""Hostile bodies of up to 5 MB beside a probe: no internal error, nothing of our insides, and others are answered.

`THRIFTGATE_FUZZ_BODIES=10000 pytest -s tests/proxy/faults/test_hostile_bodies.py` is the whole run; it prints what it
measured. With `THRIFTGATE_FUZZ_BARE=1` LiteLLM without us is sent the same bodies, which says how much of a wait is
LiteLLM's own. Time is measured and not judged here: a machine that is busy with something else is no fault.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import CLIENT_KEY, MASTER_KEY, GatewayProcess, deployment, running
from tests.proxy.faults.conftest import HAIKU, OPUS, PATHS, ask, claude, text_of
from tests.proxy.faults.hostile import bodies
from tests.proxy.faults.probe import Probe
from tests.proxy.upstream import Upstream, says

pytestmark = pytest.mark.xdist_group("proxy-faults")

COUNT = int(os.environ.get("THRIFTGATE_FUZZ_BODIES", "200"))
SEED = int(os.environ.get("THRIFTGATE_FUZZ_SEED", "1"))
MODELS = ("one", "plainroute", "cached", "claude", "claudeone", "o-large", "opus", "nonsense")
OPENAIS = ("one", "plainroute", "cached", "o-large")
INSIDES = ("Traceback", "site-packages", "/work/", ".py", "thriftgate.proxy")

Fault = tuple[str, bytes, str]


def driven(gateway: GatewayProcess, key: str) -> tuple[Mapping[str, Any], list[Fault]]:
    """What the probe measured while the bodies were sent two at a time, and which of them met a fault."""
    for model in (HAIKU, OPUS, "o-small", "o-large"):
        gateway.upstream.on(model, says("Fine."))
    statuses: Counter[int] = Counter()
    faults: list[Fault] = []
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

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

    for dialect in PATHS:
        # What is built for the first request of all is not what a body costs.
        gateway.post(PATHS[dialect], {"model": "o-large", "messages": [], "input": "hi"}, key)
    with (
        # A connection for each body: one that was kept may be closed by the server just as the next is sent.
        httpx.Client(base_url=gateway.base_url, timeout=120, limits=httpx.Limits(max_keepalive_connections=0)) as http,
        Probe(gateway.base_url) as probe,
        ThreadPoolExecutor(2) as pool,
    ):
        for future in [pool.submit(send, *one) for one in bodies(SEED, COUNT, MODELS)]:
            future.result()
    measured = {
        "bodies": COUNT, "statuses": dict(statuses), "faults": len(faults), "probes": len(probe.seconds),
        "p50_ms": probe.at(0.5), "p95_ms": probe.at(0.95), "p99_ms": probe.at(0.99), "max_ms": probe.at(1),
    }  # fmt: skip
    print(json.dumps(measured))  # noqa: T201  what the command is run for
    return measured, faults


@pytest.mark.timeout(6000)
def test_hostile_bodies_hurt_nobody(gateway: GatewayProcess) -> None:
    _, faults = driven(gateway, CLIENT_KEY)
    assert not faults, faults[:20]
    for model in ("one", "claude", "plainroute"):
        assert text_of(ask(gateway, "chat", model, "still there?")) == "Fine."


@pytest.mark.timeout(6000)
@pytest.mark.skipif("THRIFTGATE_FUZZ_BARE" not in os.environ, reason="measures LiteLLM, not us")
def test_the_same_bodies_are_sent_to_litellm_alone(provider_server: HTTPServer) -> None:
    upstream = Upstream(provider_server)
    config: dict[str, Any] = {
        "model_list": [
            *(deployment(name, upstream.base_url, model="o-large") for name in OPENAIS),
            claude("claude", HAIKU),
            *(claude(name, OPUS) for name in ("claudeone", "opus")),
        ],
        "litellm_settings": {"turn_off_message_logging": True},
        "general_settings": {"master_key": MASTER_KEY},
    }  # fmt: skip
    provider = {"ANTHROPIC_API_BASE": upstream.base_url.removesuffix("/v1"), "ANTHROPIC_API_KEY": "sk-none"}
    with running("bare", config, upstream, **provider) as bare:
        measured, _ = driven(bare, MASTER_KEY)
    assert measured["probes"]
