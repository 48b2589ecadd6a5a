"""`thriftgate up`: check the configuration, start everything, stop everything.

Failure behaviour: a configuration mistake ends with exit code 2 before anything is started. A proxy that does not
come up ends with exit code 1 and the tail of its log. Ctrl-C stops the proxy, the demo provider and the embedded
database, in this order; what does not stop in time is killed.
"""

import os
import secrets
import shlex
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import click

from thriftgate.cli.gateway.check import DEFAULT_CONFIG
from thriftgate.cli.gateway.preflight import DEMO_PORT, prepare
from thriftgate.cli.gateway.processes import Service, ServiceFailedError, stop_all, wait_for_end, wait_until_ready
from thriftgate.cli.gateway.runtime_config import RuntimeConfig
from thriftgate.config import LoadedConfig

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_PATIENCE = 300.0
"""Seconds until a proxy that does not answer counts as failed; the import alone takes 40 on a slow machine."""

_STOPPING = 15.0
"""Seconds that LiteLLM may take to stop beside what our own settings allow."""


@click.command("up")
@click.option(
    "--config", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True, help="LiteLLM's file."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=4000, show_default=True, help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes that serve.")
@click.option("--demo/--no-demo", default=None, help="Use the offline demo provider. Default: when no key is set.")
@click.option("--demo-port", default=DEMO_PORT, show_default=True, help="Port of the offline demo provider.")
@click.pass_context
def command(
    ctx: click.Context, config: Path, host: str, port: int, workers: int, demo: bool | None, demo_port: int
) -> None:
    """Start the gateway.

    Without a provider's key in the environment, the models are played by an offline demo provider, which is
    clearly labelled as such. Ctrl-C stops everything; the data under .thriftgate/ stays.
    """
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    ready = prepare(config, os.environ, demo=demo, demo_port=demo_port)
    loaded, prepared = ready.loaded, ready.runtime
    _say_models(console, prepared)
    data_dir = loaded.base_dir / loaded.thriftgate.data_dir
    key, is_new = _master_key(loaded, data_dir)
    services = _services(
        loaded, prepared, data_dir, key=key, host=host, port=port, workers=workers, demo_port=demo_port
    )
    # A shell starts background jobs with SIGINT ignored; SIGHUP comes when the terminal is closed.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with console.status("preparing the database …") as status:
            _prepare_database(loaded, data_dir)
            for service in services:
                _start(console, status, service)
        _welcome(console, loaded, host=host, port=port, key=key, is_new=is_new)
        raise wait_for_end(services)
    except KeyboardInterrupt:
        console.print("\nstopping …")
    except ServiceFailedError as error:
        console.print(f"[red]✗[/] {escape(str(error))}")
        ctx.exit(error.exit_code)
    finally:
        stop_all(services)


def _say_models(console: "Console", prepared: RuntimeConfig) -> None:
    if prepared.is_demo:
        console.print(
            "[yellow]offline demo provider[/]: every model is played by a local program that knows one support desk.\n"
            "Set ANTHROPIC_API_KEY or OPENAI_API_KEY to use real models."
        )
    for deployment in prepared.left_out:
        console.print(f"[yellow]left out[/] {deployment}")


def _master_key(loaded: LoadedConfig, data_dir: Path) -> tuple[str, bool]:
    """The proxy's master key, and whether it was made just now; LiteLLM refuses to start without a strong one."""
    if loaded.master_key:
        return loaded.master_key, False
    path = data_dir / "master_key"
    if path.exists():
        return path.read_text(encoding="utf-8").strip(), False
    key = f"sk-{secrets.token_hex(24)}"
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(key + "\n")
    return key, True


def _services(
    loaded: LoadedConfig,
    prepared: RuntimeConfig,
    data_dir: Path,
    *,
    key: str,
    host: str,
    port: int,
    workers: int,
    demo_port: int,
) -> list[Service]:
    config = data_dir / "proxy_config.yaml"
    prepared.write(config)
    environ = {
        # Prices come with the package; without this the start waits for a download that a closed network never gives.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "TIMEOUT_WORKER_HEALTHCHECK": "300",
        # LiteLLM's own setting: its many small objects of a request are garbage at once, and rarely in circles.
        "PYTHON_GC_THRESHOLD": "20000,20,100",
        **os.environ,
        "LITELLM_MASTER_KEY": key,
        "THRIFTGATE_CONFIG": str(loaded.path),
    }
    services: list[Service] = []
    if prepared.is_demo:
        argv = [sys.executable, "-m", "thriftgate.demo.provider", "--port", str(demo_port)]
        ready = f"http://127.0.0.1:{demo_port}/health"
        services.append(Service("offline demo provider", argv, environ, ready, data_dir / "demo.log"))
    argv = [sys.executable, "-c", "from litellm import run_server; run_server()", "--config", str(config)]
    argv += ["--host", host, "--port", str(port), "--num_workers", str(workers)]
    ready = f"http://{_reachable(host)}:{port}/health/liveliness"
    grace = loaded.thriftgate.drain + loaded.thriftgate.shutdown_timeout + _STOPPING
    services.append(Service("LiteLLM proxy with thriftgate", argv, environ, ready, data_dir / "proxy.log", grace))
    return services


def _prepare_database(loaded: LoadedConfig, data_dir: Path) -> None:
    """Ready before the proxy starts, and kept running until we end, whatever the workers do."""
    from thriftgate.stores.embedded.database import prepare_database

    prepare_database(loaded.thriftgate.database_url, data_dir)


def _start(console: "Console", status: "Status", service: Service) -> None:
    _refuse_taken_port(service)
    started = time.monotonic()
    service.start()
    wait_until_ready(
        service,
        patience=_PATIENCE,
        progress=lambda seconds: status.update(f"starting {service.label} … {seconds:.0f} s"),
    )
    console.print(f"[green]✓[/] {service.label} ({time.monotonic() - started:.0f} s)")


def _refuse_taken_port(service: Service) -> None:
    """LiteLLM moves to a random port when its own is taken; nobody would find it there."""
    parts = urlsplit(service.ready_url)
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0:
            raise ServiceFailedError(f"port {parts.port} is taken; choose another with --port or --demo-port")


def _welcome(console: "Console", loaded: LoadedConfig, *, host: str, port: int, key: str, is_new: bool) -> None:
    url = f"http://{_reachable(host)}:{port}"
    models = [name for route in loaded.thriftgate.routes for name in loaded.clients_call(route)]
    model = next(iter([*models, *loaded.models.names]))
    kept = _as_seen_from_here(loaded.base_dir / loaded.thriftgate.data_dir / "master_key")
    shell, python = (key, repr(key)) if is_new else _where_the_key_is(loaded, kept)
    if is_new:
        console.print(f"\nmaster key, shown only now (kept in {kept}): [bold]{key}[/]", markup=True)
    console.print(f"""
[bold]The gateway answers on {url}[/]   models: {", ".join(models)}

  curl {url}/v1/chat/completions -H "Authorization: Bearer {shell}" -H 'Content-Type: application/json' \\
    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "How do I get a refund?"}}]}}' -i

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key={python})
  client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "How do I get a refund?"}}])

Live page: [bold]{url}/thriftgate[/] (sign in with the key)   API of the proxy: {url}/
Try it: [bold]thriftgate demo[/]   what it saved: [bold]thriftgate report[/]
Ctrl-C stops it.""")


def _where_the_key_is(loaded: LoadedConfig, kept: Path) -> tuple[str, str]:
    """How a shell and how Python come by a master key that is not shown again."""
    if loaded.master_key:
        return "$LITELLM_MASTER_KEY", 'os.environ["LITELLM_MASTER_KEY"]'
    return f"$(cat {shlex.quote(str(kept))})", f"open({str(kept)!r}).read().strip()"


def _as_seen_from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _reachable(host: str) -> str:
    return "localhost" if host in ("0.0.0.0", "127.0.0.1", "::") else host


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
