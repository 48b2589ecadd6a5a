"""`thriftgate reload`: a running gateway takes its changed configuration, and nobody notices.

Failure behaviour: without a running gateway one sentence and exit code 1; a configuration with mistakes is named by the
gateway as `check` would, which goes on with the old one: exit code 2. A gateway that ends meanwhile, or does not answer
in time: exit code 1.
"""

import os
import signal
import time
from pathlib import Path

import click

from thriftgate.cli.gateway.check import DEFAULT_CONFIG
from thriftgate.cli.gateway.parts.running import RunningGateway, data_dir_beside, find, running

_PATIENCE = 360.0
_LOOK = 0.2


@click.command("reload")
@click.option(
    "--config", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, show_default=True, help="LiteLLM's file."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Which gateway, where several run in this folder.")
@click.pass_context
def command(ctx: click.Context, config: Path, port: int | None) -> None:
    """Let the running gateway take its changed configuration.

    The new configuration is checked first; with a mistake in it the old one goes on serving. Then a second proxy starts
    beside the first, takes over once it is ready, and the first one ends what it has begun: no request is refused.
    `kill -HUP` of `thriftgate up` does the same.
    """
    data_dir = data_dir_beside(config)
    gateway = find(data_dir, port=port, config=config)
    if gateway is None:
        others = ", ".join(str(one.port) for one in running(data_dir))
        where = f" on port {port}; here are {others}" if port and others else ""
        raise click.ClickException(f"no gateway runs on the data in {data_dir}{where}: start one with `thriftgate up`")
    code = _reload(gateway, data_dir)
    if port is None and code == 0:
        for other in running(data_dir):
            if other.pid != gateway.pid and other.config == gateway.config:
                click.echo(f"port {other.port} serves the old one still: `thriftgate reload --port {other.port}`")
    ctx.exit(code)


def _reload(gateway: RunningGateway, data_dir: Path) -> int:
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    before = gateway.reload.number if gateway.reload is not None else 0
    started = time.monotonic()
    os.kill(gateway.pid, signal.SIGHUP)
    with console.status("checking the configuration …") as status:
        while time.monotonic() - started < _PATIENCE:
            now = next((one for one in running(data_dir) if one.pid == gateway.pid), None)
            if now is None:
                raise click.ClickException(f"the gateway (process {gateway.pid}) has ended meanwhile")
            if now.reload is not None and now.reload.number > before:
                break
            seconds = time.monotonic() - started
            if seconds > 1:
                status.update(f"the new proxy starts beside the old one … {seconds:.0f} s")
            time.sleep(_LOOK)
        else:
            raise click.ClickException(f"the gateway did not say within {_PATIENCE:.0f} s how it went; see its log")
    if not now.reload.ok:
        click.echo("not reloaded, the old configuration serves on:", err=True)
    for line in now.reload.words:
        click.echo(f"  {line}" if not now.reload.ok else f"warning {line}", err=True)
    if now.reload.ok:
        click.echo(f"reloaded after {time.monotonic() - started:.0f} s: {now.url} serves the new configuration")
    return now.reload.exit_code
