"""However many parts of a gateway hang at its end, it ends within `shutdown_timeout` and names them."""

import asyncio
import logging
import threading
import warnings
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.virtual_time import run_in_virtual_time

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from thriftgate.proxy.compose.gateway import Gateway

CLOSED_AT_ONCE = ("metrics", "analyzer", "log")
ENDINGS = {
    "upkeep": "upkeep",
    "background": "work beside the requests",
    "judge": "the guards' judge",
    "admission": "admission",
    "writer": "the ledger",
    "budgets": "budgets",
    "traces": "traces",
    "client": "the connection to Langfuse",
    "embedder": "the embedder",
    "attacks": "the model of attacks",
    "redis": "the connections to Redis",
    "database": "the connections to PostgreSQL",
}
"""What a gateway ends, and how its log calls it."""


class Part:
    """A part that hangs at its end, or ends at once."""

    def __init__(self, name: str, ended: list[str], *, hangs: bool) -> None:
        self._name, self._ended, self._hangs = name, ended, hangs

    async def stop(self, _: float = 0.0) -> None:
        """End."""
        if self._hangs:
            await asyncio.Event().wait()
        self._ended.append(self._name)

    drain = aclose = close = stop


class Blocking:
    """A part whose end is a call: it cannot be cancelled, but keeps to the seconds it is told."""

    def __init__(self, name: str, ended: list[str], *, hangs: bool) -> None:
        self._name, self._ended, self._hangs = name, ended, hangs
        self.told = 0.0

    def close(self, patience: float = 0.0) -> None:
        """End."""
        self.told = patience
        if self._hangs:
            threading.Event().wait(0.05)
        self._ended.append(self._name)


def gateway(ended: list[str], hanging: frozenset[str], *, shutdown_timeout: float = 5.0) -> Gateway:
    parts: dict[str, Any] = {name: Part(name, ended, hangs=name in hanging) for name in ENDINGS}
    parts |= {name: Blocking(name, ended, hangs=False) for name in CLOSED_AT_ONCE}
    parts["traces"] = Blocking("traces", ended, hangs="traces" in hanging)
    tracing = SimpleNamespace(langfuse=SimpleNamespace(shutdown_timeout=2.0))
    others = ("routes", "ledger", "recorder", "past_routes", "counters", "outages", "breaker", "translations")
    return Gateway(
        **dict.fromkeys((*others, "feedback", "pricer"), cast("Any", None)),
        config=cast("Any", SimpleNamespace(shutdown_timeout=shutdown_timeout, tracing=tracing)),
        prompts=cast("Any", SimpleNamespace(client=parts.pop("client"))),
        privacy=cast("Any", SimpleNamespace(analyzer=parts.pop("analyzer"))),
        guards=cast(
            "Any",
            SimpleNamespace(log=parts.pop("log"), service=parts.pop("judge"), model=parts.pop("attacks")),
        ),
        **parts,
    )


async def end(one: Gateway) -> float:
    await one.aclose()
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("part", [*(name for name in ENDINGS if name != "traces")])
def test_one_part_that_hangs_is_named_and_the_others_end(part: str, caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []
    with caplog.at_level(logging.WARNING):
        assert run_in_virtual_time(end(gateway(ended, frozenset({part})))) <= 5.0
    assert caplog.messages == [f"{ENDINGS[part]} did not end in time and was left"]
    assert sorted(ended) == sorted({*ENDINGS, *CLOSED_AT_ONCE} - {part})


def test_a_gateway_of_which_every_part_hangs_ends_in_its_time_and_names_them(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []
    with caplog.at_level(logging.WARNING):
        assert run_in_virtual_time(end(gateway(ended, frozenset(ENDINGS)))) == pytest.approx(5.0)
    assert sorted(caplog.messages) == sorted(f"{name} did not end in time and was left" for name in ENDINGS.values())
    assert set(CLOSED_AT_ONCE) <= set(ended)


def test_connections_are_let_go_of_when_all_is_written_and_nothing_waits_where_nothing_hangs() -> None:
    ended: list[str] = []
    assert run_in_virtual_time(end(gateway(ended, frozenset()))) == 0
    assert set(ended[:4]) == {"upkeep", "background", "judge", "admission"}
    assert set(ended[4:7]) == {"writer", "budgets", "traces"}
    assert set(ended[7:]) == {"metrics", "analyzer", "log", "client", "embedder", "attacks", "redis", "database"}


def test_what_is_under_way_may_take_half_of_the_time_and_what_is_written_most_of_it() -> None:
    ended: list[str] = []
    one = gateway(ended, frozenset({"background"}), shutdown_timeout=10.0)
    assert run_in_virtual_time(end(one)) == pytest.approx(5.0)
    assert cast("Any", one.traces).told == 2.0
    one = gateway(ended, frozenset({"writer"}), shutdown_timeout=10.0)
    assert run_in_virtual_time(end(one)) == pytest.approx(8.5)


class Model:
    """A model that is loaded when it is told to."""

    def __init__(self) -> None:
        self.may_load = asyncio.Event()

    async def warm_up(self) -> None:
        await self.may_load.wait()


def starting_with(model: Model) -> Gateway:
    return replace(
        gateway([], frozenset()),
        guards=cast("Any", SimpleNamespace(model=model)),
        upkeep=cast("Any", SimpleNamespace(start=lambda: None)),
        privacy=None,
        embedder=None,
        cache=None,
    )


async def test_a_gateway_is_ready_when_the_model_of_attacks_is_loaded() -> None:
    model = Model()
    starting = starting_with(model)
    starting.start()
    ready = asyncio.create_task(starting.loaded())
    await asyncio.sleep(0)
    assert not ready.done()
    model.may_load.set()
    await ready


def test_a_model_that_hangs_while_it_is_loaded_keeps_no_client_out_for_more_than_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def start() -> float:
        starting = starting_with(Model())
        starting.start()
        await starting.loaded()
        return asyncio.get_running_loop().time()

    with caplog.at_level("WARNING"):
        assert run_in_virtual_time(start()) == pytest.approx(60.0)
    assert "the model of attacks is not there after 60 seconds" in caplog.text
