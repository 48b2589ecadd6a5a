"""The offline demo provider as a process: `python -m thriftgate.demo.provider --port 4010`.

Failure behaviour: a port that is taken ends the process with exit code 1 and one line on stderr; SIGTERM and SIGINT
end it cleanly within two seconds.
"""

import socket
import sys
import time
from random import Random
from typing import Any

import click
import uvicorn

from thriftgate.demo.knowledge import load_knowledge
from thriftgate.demo.models.engine import Engine
from thriftgate.demo.provider.faults import Faults, FaultTable, Pace
from thriftgate.demo.provider.server import DemoProvider, build_app

_BACKLOG = 2048
_GRACE = 2
# A language model writes about this many tokens while one waits for its first.
_TOKENS_PER_LATENCY = 60


def create_provider(
    *,
    latency: float = 0.0,
    token_latency: float | None = None,
    jitter: float = 0.25,
    faults: Faults | None = None,
    seed: int = 0,
) -> DemoProvider:
    """A provider with its knowledge loaded; times in seconds, for `demo-small` (the large ones are slower)."""
    pace = Pace(latency, latency / _TOKENS_PER_LATENCY if token_latency is None else token_latency, jitter)
    faults_in_force = FaultTable(faults or Faults())
    rng = Random(seed)
    return DemoProvider(Engine(load_knowledge()), faults_in_force, pace, rng, time.time)


def create_server(provider: DemoProvider) -> uvicorn.Server:
    """An HTTP server for `provider`; give it sockets with `serve(sockets=[…])`."""
    config = uvicorn.Config(
        build_app(provider),
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        backlog=_BACKLOG,
    )
    return uvicorn.Server(config)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=4010, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--latency", default=0.15, show_default=True, type=click.FloatRange(min=0),
              help="Seconds to demo-small's first token; demo-large takes 2.5 times as long.")  # fmt: skip
@click.option("--token-latency", type=click.FloatRange(min=0), help="Seconds per further token.  [default: latency/60]")
@click.option("--jitter", default=0.25, show_default=True, type=click.FloatRange(min=0), help="Spread of both.")
@click.option("--error-rate", default=0.0, type=click.FloatRange(0, 1), help="Share of requests answered with 500.")
@click.option("--rate-limit-rate", default=0.0, type=click.FloatRange(0, 1), help="Share answered with 429.")
@click.option("--retry-after", default=1.0, type=click.FloatRange(min=0), help="Seconds in a 429's Retry-After.")
@click.option("--seed", default=0, show_default=True, help="Of everything drawn at random.")
def main(
    host: str, port: int, latency: float, token_latency: float | None, jitter: float, seed: int, **rates: Any
) -> None:
    """Answer a support desk's questions offline, by OpenAI's HTTP interfaces."""
    provider = create_provider(
        latency=latency, token_latency=token_latency, jitter=jitter, faults=Faults(**rates), seed=seed
    )
    try:
        listener = socket.create_server((host, port), backlog=_BACKLOG, reuse_port=False)
    except OSError as error:
        click.echo(f"the demo provider cannot listen on {host}:{port}: {error.strerror}", err=True)
        sys.exit(1)
    bound_port = listener.getsockname()[1]
    click.echo(f"offline demo provider (no real model) on http://{host}:{bound_port}/v1")
    create_server(provider).run(sockets=[listener])


if __name__ == "__main__":
    main()
