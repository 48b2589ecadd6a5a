"""A request that is over leaves nothing behind that only Python's garbage collector would find.

What lies in circles holds whole requests until a collection comes, so that memory grows with traffic. Where LiteLLM's
own frames are in the circle, as they are after every failed call, it is LiteLLM's: those are not counted.
"""

import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count, product
from urllib.parse import urlsplit

import pytest
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import CLIENT_KEY, GatewayProcess, gateway_config, running
from tests.proxy.upstream import Reply, Upstream, breaks_off, drips, fails, garbage, says, slow
from tests.proxy.waiting import eventually, settle

pytestmark = pytest.mark.xdist_group("memory")

_PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
_OURS = re.compile(r"\bthriftgate\b")
_OTHERS = re.compile(r" litellm/|\b(?:litellm|httpx)\.")
_WAYS = list(product(_PATHS, [False, True]))
_NUMBERS = count()
_SHAPED = '```json\n{"city": "Bern", "days": 3}\n```'
_WRONG = '{"city": "Bern", "days": "three"}'


@pytest.fixture(scope="module")
def watched(provider_server: HTTPServer) -> Iterator[GatewayProcess]:
    upstream = Upstream(provider_server)
    config = gateway_config(upstream.base_url)
    config["litellm_settings"]["callbacks"] = ["garbage_spy.spy"]
    with running("memory", config, upstream, "garbage_spy.py") as process:
        yield process


def body_of(endpoint: str, route: str, **params: object) -> dict[str, object]:
    question = f"Where to, and how long? {next(_NUMBERS)}"
    if endpoint == "responses":
        return {"model": route, "input": question, **params}
    asked: dict[str, object] = {"model": route, "messages": [{"role": "user", "content": question}], **params}
    return {"max_tokens": 99, **asked} if endpoint == "messages" else asked


def leave(gateway: GatewayProcess, endpoint: str, body: dict[str, object], after: float) -> None:
    """Ask, and go away before the answer is whole."""
    address = urlsplit(gateway.base_url)
    sent = json.dumps(body).encode()
    head = (
        f"POST {_PATHS[endpoint]} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {CLIENT_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=after) as connection:
        connection.sendall(head.encode() + sent)
        with suppress(TimeoutError):
            connection.recv(1)


CASES: dict[str, tuple[str, dict[str, Reply], dict[str, object]]] = {
    "accepted": ("support", {"small": says("Bern")}, {}),
    "escalated": ("support", {"small": says("Bern", logprob=-3.0), "large": says("Basel")}, {}),
    "hit or stored": ("cached", {"small": says("Bern")}, {}),
    "the cheap tier fails": ("support", {"small": fails(500), "large": says("Basel")}, {}),
    "all tiers fail": ("support", {"small": fails(500), "large": fails(500)}, {}),
    "a caller's fault": ("plain", {"large": fails(400)}, {}),
    "a provider's limit": ("plain", {"large": fails(429, headers={"Retry-After": "1"})}, {}),
    "no JSON": ("lost", {"lost-large": garbage()}, {}),
    "a stream that breaks off": ("lost", {"lost-large": breaks_off(["Bern", " is"])}, {}),
    "a time-out": ("impatient", {"impatient-small": slow(1.5, says("Bern")), "impatient-large": says("Basel")}, {}),
    "repaired": ("shaped", {"small": says(_SHAPED), "large": says(_SHAPED)}, {}),
    "of no shape": ("shaped", {"small": says(_WRONG), "large": says(_WRONG)}, {}),
    "optimistic": ("optimistic", {"small": says("Bern", logprob=-3.0), "large": says("Basel")}, {}),
    "refused": ("support", {}, {"temperature": "hot"}),
}


@pytest.mark.parametrize("case", list(CASES))
def test_what_is_over_leaves_no_circle_of_ours(watched: GatewayProcess, case: str) -> None:
    route, replies, params = CASES[case]
    for model, reply in replies.items():
        watched.upstream.on(model, reply)

    def ask(endpoint: str, stream: bool) -> None:
        watched.post(_PATHS[endpoint], body_of(endpoint, route, stream=stream, **params))

    assert left_by(watched, ask) == []


def test_a_client_that_goes_away_leaves_no_circle_of_ours(watched: GatewayProcess) -> None:
    words, late = drips(watched.upstream, ["Bern", " is", " it"], 0.2), slow(0.6, says("Bern"))
    watched.upstream.on("large", lambda body: (words if body.get("stream") else late)(body))

    def ask(endpoint: str, stream: bool) -> None:
        leave(watched, endpoint, body_of(endpoint, "plain", stream=stream), 0.3)

    assert left_by(watched, ask) == []


def left_by(gateway: GatewayProcess, ask: Callable[[str, bool], None]) -> list[list[str]]:
    """What lies in each circle of ours after two requests of each kind, whole and streamed, at each endpoint."""
    with ThreadPoolExecutor(len(_WAYS)) as pool:
        # What a first request builds for all others is no garbage of its own.
        list(pool.map(ask, *zip(*_WAYS, strict=True)))
    process = int((gateway.folder / "garbage.pid").read_text())
    told, gathering = gateway.folder / "garbage.json", gateway.folder / "garbage.gathering"
    told.unlink(missing_ok=True)
    gathering.unlink(missing_ok=True)
    settle(0.3)
    os.kill(process, signal.SIGUSR1)
    assert eventually(gathering.exists)
    with ThreadPoolExecutor(len(_WAYS)) as pool:
        list(pool.map(ask, *zip(*_WAYS * 2, strict=True)))
    settle(0.5)
    os.kill(process, signal.SIGUSR2)
    assert eventually(told.exists)
    circles: list[list[str]] = json.loads(told.read_text())
    return [names for names in circles if any(map(_OURS.search, names)) and not any(map(_OTHERS.search, names))]
