"""The shipped fallback setup: one primary and one backup, and a primary that is dead in every way a primary can be."""

import time

import httpx
import pytest
from tests.proxy.conftest import MASTER_KEY, GatewayProcess
from tests.proxy.upstream import chokes_on, fails, garbage, says, slow

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


def test_a_request_that_nobody_can_digest_closes_the_tier_to_nobody_else(gateway: GatewayProcess) -> None:
    for model in ("upset-primary", "upset-backup"):
        gateway.upstream.on(model, chokes_on("poison", says("All is well.")))
    poison = {"model": "upset", "messages": [{"role": "user", "content": "poison"}]}
    refused = gateway.post("/v1/chat/completions", poison)
    assert refused.status_code == 502
    assert "had an internal error" in refused.json()["error"]["message"]
    assert is_cooling_down(gateway, "openai/upset-primary")
    assert is_cooling_down(gateway, "openai/upset-backup")
    assert timed(gateway, "upset")[0] == "All is well."


def test_a_group_that_is_down_is_tried_again_once_a_second_and_not_by_every_request(gateway: GatewayProcess) -> None:
    for model in ("upset-primary", "upset-backup"):
        gateway.upstream.on(model, fails(500))
    started = time.monotonic()
    answers = [gateway.post("/v1/chat/completions", {"model": "upset", "messages": QUESTION}).json() for _ in range(12)]
    seconds = time.monotonic() - started
    asked = sum(len(gateway.upstream.asked(model)) for model in ("upset-primary", "upset-backup"))
    assert asked <= 2 * (2 + seconds)
    said = [one["error"]["message"] for one in answers]
    assert len([one for one in said if "cools down after failures" in one]) >= 6, said  # all but those that tried


def is_cooling_down(gateway: GatewayProcess, model: str) -> bool:
    """The breaker's state as an operator sees it."""
    response = httpx.get(f"{gateway.base_url}/thriftgate/status", headers={"Authorization": f"Bearer {MASTER_KEY}"})
    states = {one["model"]: one["is_cooling_down"] for one in response.json()["deployments"]}
    return states[model]
