"""matplotlib for the commands that draw: made ready to write files, or missed with a sentence.

Failure behaviour: without matplotlib, which only the extra `png` installs, click.ClickException. Commands ask before
they begin, so that nothing is worked out in vain.
"""

import click


def ready_matplotlib() -> None:
    """Import matplotlib for files and no screen."""
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        raise click.ClickException(
            "charts need matplotlib, which this installation is without: install thriftgate[png]"
        ) from None
    mpl.use("Agg")
