"""`thriftgate up`: what is started with what, what is said, and that everything is stopped again."""

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from click.testing import CliRunner, Result

from thriftgate.cli.gateway import up
from thriftgate.cli.gateway.parts import listeners
from thriftgate.cli.gateway.parts.processes import Service, ServiceFailedError
from thriftgate.cli.gateway.parts.running import RunningGateway
from thriftgate.cli.gateway.parts.supervision import Supervision
from thriftgate.errors import ConfigurationError
from thriftgate.stores.redis.doctor import Remark

SETUP = """
model_list:
  - {model_name: small, litellm_params: {model: anthropic/claude-haiku-4-5, api_key: os.environ/ANTHROPIC_API_KEY}}
  - {model_name: large, litellm_params: {model: openai/gpt-5, api_key: os.environ/OPENAI_API_KEY}}
  - {model_name: large, litellm_params: {model: anthropic/claude-opus-4-5, api_key: os.environ/ANTHROPIC_API_KEY}}
  - {model_name: help, litellm_params: {model: thriftgate/support}}
litellm_settings:
  custom_provider_map: [{provider: thriftgate, custom_handler: thriftgate.proxy.plugin.routes}]
callback_settings:
  thriftgate:
    routes:
      support: {cascade: {tiers: [{model: small}, {model: large}]}}
"""

LIMITS = """\
    limits:
      rules: [{per: key, parallel: 10}]
"""


class Operator:
    """Runs the command with services that only pretend to start, and remembers what happened to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "litellm_config.yaml"
        self.config.write_text(SETUP, encoding="utf-8")
        self.started: list[Service] = []
        self.configs: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.ends_with: BaseException = KeyboardInterrupt()
        self.on_start: Callable[[Service], None] = lambda _: None

    def up(self, *argv: str, env: dict[str, str] | None = None) -> Result:
        environ = {"LITELLM_MASTER_KEY": None, "ANTHROPIC_API_KEY": None, "OPENAI_API_KEY": None, **(env or {})}
        arguments = ["--config", str(self.config), "--port", "1", "--demo-port", "2", *argv]
        return CliRunner().invoke(up.command, arguments, env=environ)

    def start(self, service: Service) -> None:
        self.started.append(service)
        argv = list(service.argv)
        if "--config" in argv:
            path = Path(argv[argv.index("--config") + 1])
            assert path.stat().st_mode & 0o077 == 0
            self.configs.append(yaml.safe_load(path.read_text(encoding="utf-8")))
        self.on_start(service)

    def wait_for_end(self, services: Sequence[Service]) -> ServiceFailedError:
        raise self.ends_with

    @property
    def labels(self) -> list[str]:
        return [service.label for service in self.started]

    @property
    def written(self) -> dict[str, Any]:
        """The configuration that the proxy was started with."""
        return self.configs[-1]


def nothing(*_args: object, **_kwargs: object) -> None:
    """What is not tried here: it is real in tests/proxy/test_start.py."""


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    operator = Operator(tmp_path)

    def start(service: Service) -> None:
        operator.start(service)

    def stop(service: Service) -> None:
        operator.stopped.append(service.label)

    monkeypatch.setattr(Service, "start", start)
    monkeypatch.setattr(Service, "stop", stop)

    def serve(supervision: Supervision) -> ServiceFailedError:
        return operator.wait_for_end(supervision.services)

    def bind(*_: object) -> list[socket.socket]:
        return []

    monkeypatch.setattr(Supervision, "serve", serve)
    monkeypatch.setattr(listeners, "bind_listener", bind)
    for name in (
        "thriftgate.cli.gateway.parts.supervision.wait_until_ready",
        "thriftgate.cli.gateway.parts.supervision.prepare_database",
        "signal.signal",
    ):
        monkeypatch.setattr(name, nothing)
    return operator


DEMO, PROXY = "offline demo provider", "LiteLLM proxy with thriftgate"


def test_without_a_key_the_demo_provider_stands_in_and_says_so(operator: Operator) -> None:
    result = operator.up()
    assert result.exit_code == 0, result.output
    assert "offline demo provider: every model is played by a local program" in result.output
    assert operator.labels == [DEMO, PROXY]
    assert operator.started[0].ready_url == "http://127.0.0.1:2/health"
    models = {entry["litellm_params"]["model"] for entry in operator.written["model_list"]}
    assert models == {"openai/demo-small", "openai/demo-large", "openai/demo-large-backup", "thriftgate/support"}


def test_keys_that_are_set_to_nothing_are_no_keys(operator: Operator) -> None:
    result = operator.up(env={"ANTHROPIC_API_KEY": "", "OPENAI_API_KEY": ""})
    assert result.exit_code == 0, result.output
    assert operator.labels == [DEMO, PROXY]


def test_with_a_key_real_models_are_used_and_those_without_one_are_named(operator: Operator) -> None:
    result = operator.up(env={"ANTHROPIC_API_KEY": "secret-key"})
    assert result.exit_code == 0, result.output
    assert operator.labels == [PROXY]
    assert "left out large: openai/gpt-5 (OPENAI_API_KEY is not set)" in result.output
    assert "demo" not in result.output.split("The gateway")[0]
    assert "secret-key" not in result.output
    assert len(operator.written["model_list"]) == 3


def test_what_is_wrong_with_redis_is_said_at_the_start_and_stops_nothing(operator: Operator) -> None:
    setup = SETUP.replace("  thriftgate:\n", "  thriftgate:\n    redis_url: redis://:hunter2@127.0.0.1:1/0\n")
    operator.config.write_text(setup, encoding="utf-8")
    result = operator.up()
    assert result.exit_code == 0, result.output
    assert "Redis: there is no answer: see that redis_url is right, and that Redis runs" in result.output
    assert "requests are answered without the cache" in result.output
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("lost", "limits", "cost"),
    [
        (
            "counts",
            "",
            "hits and verified outcomes are not counted, and equal requests at the same time each ask a model",
        ),
        ("counts", LIMITS, "hits and verified outcomes are not counted"),
        ("limits", LIMITS, "requests are refused, because nobody can count what limits allow them"),
        ("limits", LIMITS + "      shadow: true\n", "nothing is counted of what limits watch"),
    ],
)
def test_what_a_redis_user_may_not_do_is_said_with_what_it_costs(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, lost: Literal["counts", "limits"], limits: str, cost: str
) -> None:
    async def explained(_url: str, *, patience: float, has_limits: bool) -> list[Remark]:
        assert patience > 0
        assert has_limits == bool(limits)
        return [Remark("failed", "this user may not", lost)]

    monkeypatch.setattr("thriftgate.stores.redis.doctor.explain_redis", explained)
    setup = SETUP.replace("  thriftgate:\n", f"  thriftgate:\n    redis_url: redis://127.0.0.1:1/0\n{limits}")
    operator.config.write_text(setup, encoding="utf-8")
    assert f"Redis: this user may not. Until that is put right, {cost}" in " ".join(operator.up().output.split())


def test_the_demo_can_be_asked_for_although_there_are_keys(operator: Operator) -> None:
    assert operator.up("--demo", env={"ANTHROPIC_API_KEY": "a"}).exit_code == 0
    assert operator.labels == [DEMO, PROXY]


@pytest.mark.parametrize("argv", [["--no-demo"], []])
def test_a_configuration_that_cannot_work_starts_nothing(operator: Operator, argv: list[str]) -> None:
    if not argv:
        operator.config.write_text(SETUP.replace("{model: small}", "{model: smal}"), encoding="utf-8")
    result = operator.up(*argv)
    assert isinstance(result.exception, ConfigurationError)
    assert operator.started == []
    assert [path.name for path in operator.folder.iterdir()] == ["litellm_config.yaml"]


def test_a_master_key_is_made_once_kept_for_us_alone_and_shown_once(operator: Operator) -> None:
    first = operator.up().output
    path = operator.folder / ".thriftgate" / "master_key"
    key = path.read_text().strip()
    assert len(key) > 40
    assert path.stat().st_mode & 0o777 == 0o600
    assert f"master key, shown only now (kept in {path}): {key}" in first
    second = operator.up().output
    assert key not in second
    assert f'"Authorization: Bearer $(cat {path})"' in second
    assert f"open({str(path)!r}).read().strip()" in second
    assert [service.environ["LITELLM_MASTER_KEY"] for service in operator.started] == [key] * 4


def test_a_master_key_of_the_operator_is_used_and_never_shown(operator: Operator) -> None:
    key = "sk-" + "0123456789abcdef" * 2
    result = operator.up(env={"LITELLM_MASTER_KEY": key})
    assert result.exit_code == 0, result.output
    assert key not in result.output
    assert not (operator.folder / ".thriftgate" / "master_key").exists()
    assert operator.started[-1].environ["LITELLM_MASTER_KEY"] == key


def test_the_proxy_is_started_as_asked_and_knows_the_operator_s_own_file(operator: Operator) -> None:
    result = operator.up("--host", "0.0.0.0", "--workers", "3")
    proxy = operator.started[-1]
    assert list(proxy.argv[-6:]) == ["--host", "0.0.0.0", "--port", "1", "--num_workers", "3"]
    assert proxy.ready_url == "http://localhost:1/health/liveliness"
    assert proxy.environ["THRIFTGATE_CONFIG"] == str(operator.config)
    assert proxy.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    assert [int(part) for part in proxy.environ["PYTHON_GC_THRESHOLD"].split(",")] == [20_000, 5, 3]
    assert proxy.environ["PYTHONNODEBUGRANGES"] == "1"
    assert "The gateway answers on http://localhost:1   models: help" in result.output


def test_ctrl_c_stops_everything_the_proxy_first(operator: Operator) -> None:
    result = operator.up()
    assert result.exit_code == 0
    assert "stopping …" in result.output
    assert operator.stopped == [PROXY, DEMO]


@pytest.mark.parametrize("code", [1, 2])
def test_a_service_that_fails_ends_everything_with_its_exit_code_and_its_words_as_they_are(
    operator: Operator, code: int
) -> None:
    def fail(service: Service) -> None:
        if service.label == PROXY:
            raise ServiceFailedError("the log says [/usr/lib] and [bold]", exit_code=code)

    operator.on_start = fail
    result = operator.up()
    assert result.exit_code == code, result.exception
    assert "✗ the log says [/usr/lib] and [bold]" in result.output
    assert operator.stopped == [PROXY, DEMO]


def test_a_service_that_ends_by_itself_ends_everything(operator: Operator) -> None:
    operator.ends_with = ServiceFailedError("the proxy ended")
    result = operator.up()
    assert result.exit_code == 1
    assert "✗ the proxy ended" in result.output
    assert operator.stopped == [PROXY, DEMO]


def test_a_port_that_is_taken_is_named_before_anything_uses_it(operator: Operator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = operator.up("--port", str(port), env={"ANTHROPIC_API_KEY": "a"})
    assert result.exit_code == 1
    assert f"port {port} is taken; choose another with --port\n" in result.output
    assert operator.started == []


def test_a_gateway_without_routes_is_welcomed_as_well(operator: Operator) -> None:
    setup = yaml.safe_load(SETUP)
    setup["callback_settings"]["thriftgate"]["routes"] = {}
    setup["model_list"].pop()
    operator.config.write_text(yaml.safe_dump(setup), encoding="utf-8")
    result = operator.up()
    assert result.exit_code == 0, result.output
    assert '"model": "small"' in result.output


def test_the_environment_of_the_services_is_ours(operator: Operator) -> None:
    operator.up(env={"SSL_CERT_FILE": "/somewhere"})
    assert all(service.environ["SSL_CERT_FILE"] == "/somewhere" for service in operator.started)
    assert os.environ.get("SSL_CERT_FILE") != "/somewhere"


def test_a_gateway_that_serves_already_is_named_with_the_command_that_changes_it(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = RunningGateway(pid=1, host="127.0.0.1", port=4000, config="x", started_at=0.0)

    def found(_data_dir: Path, *, port: int | None = None) -> RunningGateway:
        return here

    monkeypatch.setattr("thriftgate.cli.gateway.parts.supervision.find", found)
    result = operator.up()
    assert result.exit_code == 1
    assert "serves on port 1 already: `thriftgate reload`" in result.output
    assert operator.started == []


def test_beside_another_gateway_of_the_folder_the_banner_says_which_one_is_meant(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "thriftgate demo      four days" in operator.up().output
    other = RunningGateway(pid=1, host="127.0.0.1", port=4000, config="x", started_at=0.0)

    def found(_data_dir: Path) -> list[RunningGateway]:
        return [other]

    monkeypatch.setattr("thriftgate.cli.gateway.parts.supervision.running", found)
    said = operator.up().output
    assert "thriftgate demo --base-url http://localhost:1 " in said
    assert "thriftgate reload --port 1 " in said
    assert operator.started[-1].log == operator.folder / ".thriftgate" / "proxy-1.log"
