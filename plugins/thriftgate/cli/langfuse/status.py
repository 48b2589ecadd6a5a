"""`thriftgate langfuse status`: whether Langfuse takes our traces, and what was lost.

Failure behaviour: exit code 1 when Langfuse does not answer or does not accept the keys, 2 for a wrong configuration.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

import click

from thriftgate.config import load_section

_PATIENCE = 5.0


@click.command("status")
@click.option("--base-url", default="http://localhost:4000", show_default=True, help="The running gateway to ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), default="litellm_config.yaml", show_default=True,
    help="The configuration.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, *, base_url: str, as_json: bool, config_file: Path) -> None:
    """Say whether Langfuse takes our traces, and what was lost.

    The gateway's own queue is asked with the variable LITELLM_MASTER_KEY.
    """
    from thriftgate.cli.langfuse.looks import look_at_langfuse, look_at_queue

    langfuse = look_at_langfuse(load_section(config_file, os.environ), os.environ, patience=_PATIENCE)
    queue = look_at_queue(base_url, os.environ.get("LITELLM_MASTER_KEY"), patience=_PATIENCE)
    if as_json:
        print(json.dumps({"langfuse": asdict(langfuse), "gateway": asdict(queue) if queue else None}))
    else:
        click.echo(f"Langfuse: {langfuse.words}")
        click.echo(f"gateway:  {queue.words if queue else 'not running there, or sends no traces'}")
    ctx.exit(1 if langfuse.level == "failed" else 0)
