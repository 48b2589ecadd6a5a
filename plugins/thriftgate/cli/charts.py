"""matplotlib for the commands that draw: made ready to write files, or missed with a sentence.

Failure behaviour: without matplotlib, which the container's image leaves out, click.ClickException.
"""

import click


def ready_matplotlib() -> None:
    """Import matplotlib for files and no screen."""
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        raise click.ClickException("charts need matplotlib, which this installation is without") from None
    mpl.use("Agg")
