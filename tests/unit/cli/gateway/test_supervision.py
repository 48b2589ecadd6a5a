"""A reload of `thriftgate up`: what is started, who serves on, and what is said, with services that only pretend."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from tests.unit.cli.gateway.test_up import SETUP

from thriftgate.cli.gateway.parts import listeners, supervision
from thriftgate.cli.gateway.parts.preflight import prepare
from thriftgate.cli.gateway.parts.processes import Service, ServiceFailedError
from thriftgate.cli.gateway.parts.running import running
from thriftgate.cli.gateway.parts.supervision import Options, Supervision
from thriftgate.errors import StoreUnavailableError

KEYS = {"ANTHROPIC_API_KEY": "a-key", "OPENAI_API_KEY": "a-key", "LITELLM_MASTER_KEY": "sk-0123456789abcdef0123"}


class Pretended:
    """What happened to services that were never processes."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.on_start: Callable[[Service], None] = lambda _: None

    def name(self, service: Service) -> str:
        argv = list(service.argv)
        return Path(argv[argv.index("--config") + 1]).stem.partition("-")[2] if "--config" in argv else "demo"


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    pretended = Pretended()

    def does(what: str) -> Callable[[Service], None]:
        def act(service: Service) -> None:
            pretended.happened.append(f"{what} {pretended.name(service)}")
            if what == "start":
                pretended.on_start(service)

        return act

    for what in ("start", "stop", "retire"):
        monkeypatch.setattr(Service, what, does(what))

    def nothing(*_args: object, **_kwargs: object) -> None:
        """Real in tests/proxy/test_reload.py."""

    def bind(*_: object) -> list[socket.socket]:
        return []

    monkeypatch.setattr(listeners, "bind_listener", bind)
    monkeypatch.setattr(listeners, "refuse_taken", nothing)
    monkeypatch.setattr(supervision, "wait_until_ready", nothing)
    monkeypatch.setattr(supervision, "prepare_database", nothing)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return pretended


@pytest.fixture
def gateway(tmp_path: Path, pretended: Pretended) -> Iterator[tuple[Supervision, Path, list[str]]]:
    config = tmp_path / "litellm_config.yaml"
    config.write_text(SETUP, encoding="utf-8")
    said: list[str] = []
    options = Options(config=config, host="127.0.0.1", port=4100, workers=1, demo=None, demo_port=4110)
    prepared = prepare(config, os.environ)
    gateway = Supervision(options, prepared, said.append, lambda _: None)
    gateway.start(prepared)
    yield gateway, config, said
    gateway.stop()


Started = tuple[Supervision, Path, list[str]]


def test_a_changed_configuration_is_served_by_a_second_proxy_and_the_first_retires(
    gateway: Started, pretended: Pretended
) -> None:
    one, config, said = gateway
    config.write_text(SETUP.replace("model_name: help", "model_name: desk"), encoding="utf-8")
    done = one.reload()
    assert done.ok
    assert pretended.happened == ["start 1", "start 2", "retire 1"]
    assert one.state.generation == 2
    assert said[-1] == "reloaded: proxy 2 serves, the one before it ends what it has begun"
    argv = list(one.services[-1].argv)
    served = yaml.safe_load(Path(argv[argv.index("--config") + 1]).read_text())
    assert "desk" in {entry["model_name"] for entry in served["model_list"]}
    (found,) = running(config.parent / ".thriftgate")
    assert found.reload == done
    assert found.generation == 2


def test_a_configuration_with_mistakes_starts_nothing_and_is_named(gateway: Started, pretended: Pretended) -> None:
    one, config, said = gateway
    config.write_text(SETUP.replace("{model: small}", "{model: smal}"), encoding="utf-8")
    done = one.reload()
    assert not done.ok
    assert done.exit_code == 2
    assert "did you mean 'small'" in done.words[0]
    assert pretended.happened == ["start 1"]
    assert one.state.generation == 1
    assert said[-1].startswith("not reloaded, the old configuration serves on:\n")


@pytest.mark.parametrize("code", [1, 2])
def test_a_proxy_that_does_not_come_up_is_ended_and_the_old_one_serves_on(
    gateway: Started, pretended: Pretended, code: int
) -> None:
    one, _, _ = gateway

    def fail(_service: Service) -> None:
        raise ServiceFailedError("it did not start", exit_code=code)

    pretended.on_start = fail
    done = one.reload()
    assert (done.ok, done.exit_code, done.words) == (False, code, ("it did not start",))
    assert pretended.happened == ["start 1", "start 2", "stop 2"]
    pretended.on_start = lambda _: None
    assert one.reload().ok, "the next one may succeed"


@pytest.mark.parametrize(
    "error", [StoreUnavailableError("the database is away"), OSError(28, "No space left on device")]
)
def test_what_goes_wrong_beside_it_ends_no_gateway_that_serves(
    gateway: Started, pretended: Pretended, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    one, _, _ = gateway

    def fail(_service: Service) -> None:
        raise error

    pretended.on_start = fail
    done = one.reload()
    assert (done.ok, done.exit_code) == (False, 1)
    assert done.words in (("the database is away",), ("No space left on device",))
    assert one.state.generation == 1


def test_ctrl_c_in_the_middle_leaves_no_proxy_behind(
    gateway: Started, pretended: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _, _ = gateway
    killed: list[str] = []

    def kill(service: Service) -> None:
        killed.append(pretended.name(service))

    def interrupt(_service: Service) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Service, "kill", kill)
    pretended.on_start = interrupt
    with pytest.raises(KeyboardInterrupt):
        one.reload()
    assert killed == ["2"]


def test_without_keys_any_more_the_demo_provider_is_started_for_the_new_proxy(
    gateway: Started, pretended: Pretended, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _, _ = gateway
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name)
    assert one.reload().ok
    assert pretended.happened == ["start 1", "start demo", "start 2", "retire 1"]


def test_a_second_gateway_on_the_same_data_has_logs_of_its_own(gateway: Started, pretended: Pretended) -> None:
    one, config, _ = gateway
    assert one.state.log is not None
    assert Path(one.state.log).name == "proxy.log"
    options = Options(config=config, host="127.0.0.1", port=4200, workers=1, demo=None, demo_port=4210)
    other = Supervision(options, prepare(config, os.environ), lambda _: None, lambda _: None)
    assert other.state.log is not None
    assert Path(other.state.log).name == "proxy-4200.log"


def test_what_a_gateway_was_started_with_is_gone_after_its_end(gateway: Started, pretended: Pretended) -> None:
    one, config, _ = gateway
    one.reload()
    one.stop()
    assert list((config.parent / ".thriftgate" / "gateways").iterdir()) == []
