"""The shipped fallback setup: one primary and one backup, and a primary that is dead in every way a primary can be."""

import time

import httpx
import pytest
from tests.proxy.conftest import MASTER_KEY, GatewayProcess
from tests.proxy.upstream import fails, garbage, says, slow

pytestmark = pytest.mark.xdist_group("proxy")

QUESTION = [{"role": "user", "content": "How long does a refund take?"}]


def timed(gateway: GatewayProcess, model: str) -> tuple[str, float]:
    started = time.perf_counter()
    response = gateway.post("/v1/chat/completions", {"model": model, "messages": QUESTION})
    seconds = time.perf_counter() - started
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]["content"], seconds


def test_a_primary_that_answers_500_costs_the_first_request_little_and_the_next_nothing(
    gateway: GatewayProcess,
) -> None:
    gateway.upstream.on("ha-primary", fails(500))
    gateway.upstream.on("ha-backup", says("From the backup."))
    answers = [timed(gateway, "ha") for _ in range(5)]
    assert {text for text, _ in answers} == {"From the backup."}
    # The breaker, not the clock: the primary was asked once, and never again while it cools down.
    assert len(gateway.upstream.asked("ha-primary")) == 1


def test_a_primary_that_refuses_connections_is_left_out_after_the_first_request(gateway: GatewayProcess) -> None:
    gateway.upstream.on("dead-backup", says("From the backup."))
    answers = [timed(gateway, "dead") for _ in range(5)]
    assert {text for text, _ in answers} == {"From the backup."}
    assert is_cooling_down(gateway, "openai/dead-primary")
    assert not is_cooling_down(gateway, "openai/dead-backup")


def test_a_primary_that_hangs_is_left_out_after_its_timeout(gateway: GatewayProcess) -> None:
    gateway.upstream.on("hang-primary", slow(3, says("Too late.")))
    gateway.upstream.on("hang-backup", says("From the backup."))
    answers = [timed(gateway, "hanging") for _ in range(4)]
    assert {text for text, _ in answers} == {"From the backup."}
    assert len(gateway.upstream.asked("hang-primary")) == 1


def test_a_primary_that_sends_garbage_is_fallen_over_from(gateway: GatewayProcess) -> None:
    gateway.upstream.on("garbled-primary", garbage())
    gateway.upstream.on("garbled-backup", says("From the backup."))
    assert timed(gateway, "garbled")[0] == "From the backup."


def test_a_rate_limited_primary_is_left_alone(gateway: GatewayProcess) -> None:
    gateway.upstream.on("limited-primary", fails(429, headers={"retry-after": "20"}))
    gateway.upstream.on("limited-backup", says("From the backup."))
    answers = [timed(gateway, "limited")[0] for _ in range(3)]
    assert set(answers) == {"From the backup."}
    assert len(gateway.upstream.asked("limited-primary")) == 1


def is_cooling_down(gateway: GatewayProcess, model: str) -> bool:
    """The breaker's state as an operator sees it."""
    response = httpx.get(f"{gateway.base_url}/thriftgate/status", headers={"Authorization": f"Bearer {MASTER_KEY}"})
    states = {one["model"]: one["is_cooling_down"] for one in response.json()["deployments"]}
    return states[model]
