"""`thriftgate langfuse dashboard`: make the dashboard "Cost and savings".

Failure behaviour: exit code 1, with words, when Langfuse does not answer or lacks what it takes; 2 for missing keys.
What was made by then stays, and the same command goes on from there.
"""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from thriftgate.cli.waiting import waiting
from thriftgate.errors import GatewayError

if TYPE_CHECKING:
    from thriftgate.stores.langfuse.dashboards import MadeDashboard


@click.command("dashboard")
@click.option("--renew", is_flag=True, help="Bring a dashboard of this name up to date; what was moved or added goes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, *, renew: bool, as_json: bool) -> None:
    """Make the dashboard "Cost and savings" in Langfuse.

    What was spent and saved, net of audits, by team, user, route and model; the quality of answers with its n; the
    shares of hits and escalations; latency and time to first token. It is made once: one of this name is left alone.

    Langfuse is found by LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY.
    """
    from thriftgate.stores.langfuse.client import keys_from
    from thriftgate.stores.langfuse.dashboards import LangfuseDashboards

    dashboards = LangfuseDashboards(keys_from())
    try:
        with waiting("asking Langfuse …"):
            made = dashboards.make(renew=renew)
    except GatewayError as error:
        if as_json:
            print(json.dumps({"error": error.message}))
        else:
            click.secho(f"no dashboard: {error.message}", fg="red", err=True)
        ctx.exit(1)
    finally:
        dashboards.close()
    print(json.dumps(asdict(made))) if as_json else click.echo(_words(made))


def _words(made: "MadeDashboard") -> str:
    from thriftgate.tracing.dashboard import NAME

    if made.is_new:
        return f"made '{NAME}' with {made.widgets} charts: {made.address}"
    done = f"brought up to date with {made.widgets} charts" if made.widgets else "there already (--renew replaces it)"
    return f"'{NAME}' is {done}: {made.address}"
