"""`thriftgate langfuse status`: whether Langfuse takes our traces, and what was lost.

Failure behaviour: exit code 1 when Langfuse does not answer or does not accept the keys, 2 for a wrong configuration.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from thriftgate.cli.gateway.parts.running import key_beside, url_beside
from thriftgate.cli.waiting import waiting
from thriftgate.config import load_section

_PATIENCE = 5.0


@click.command("status")
@click.option(
    "--base-url",
    help="The running gateway to ask.  [default: the one with this configuration, else http://localhost:4000]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default="litellm_config.yaml", show_default=True,
    help="The configuration.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, *, base_url: str | None, as_json: bool, config_file: Path) -> None:
    """Say whether Langfuse takes our traces, and what was lost.

    The gateway's own queue is asked with the master key: LITELLM_MASTER_KEY, or the one that `thriftgate up` made.
    """
    from thriftgate.cli.langfuse.parts.looks import look_at_langfuse, look_at_queue, look_without_queue

    base_url = base_url or url_beside(config_file)
    with waiting("asking Langfuse and the gateway …"):
        langfuse = look_at_langfuse(load_section(config_file, os.environ), os.environ, patience=_PATIENCE)
        gateway = base_url, key_beside(config_file, os.environ)
        queue = look_at_queue(*gateway, patience=_PATIENCE) or look_without_queue(*gateway, patience=_PATIENCE)
    if as_json:
        print(json.dumps({"langfuse": asdict(langfuse), "gateway": asdict(queue)}))
    else:
        click.echo(f"Langfuse: {langfuse.words}")
        click.echo(f"gateway:  {queue.words}")
    ctx.exit(1 if langfuse.level == "failed" else 0)
