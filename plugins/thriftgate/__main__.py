"""The console script `thriftgate`.

Failure behaviour: a wrong configuration or command line ends with exit code 2 and a list of what is wrong, any other
GatewayError with 1 and one sentence, Ctrl-C with 130. Only what nobody foresaw shows a traceback.
"""

import sys
from collections.abc import Sequence

import click

from thriftgate.cli import main_group
from thriftgate.cli.waiting import begin
from thriftgate.errors import ConfigurationError, GatewayError

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    begin()
    try:
        # Without standalone mode click returns the exit code and hands exceptions on.
        code = main_group.main(arguments, prog_name="thriftgate", standalone_mode=False)
    except click.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConfigurationError as error:
        _print_problems(error)
        return 2
    except GatewayError as error:
        click.echo(f"Error: {error.message}", err=True)
        return 1
    return code if isinstance(code, int) else 0


def _print_problems(error: ConfigurationError) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    count = len(error.problems)
    title = f"{count} problems" if count != 1 else "1 problem"
    console.print(Text.assemble((title, "bold red"), " in the configuration"))
    for problem in error.problems:
        place, colon, words = problem.partition(": ")
        console.print(Text.assemble("  ", (place, "cyan"), colon, words))


if __name__ == "__main__":
    sys.exit(main())
