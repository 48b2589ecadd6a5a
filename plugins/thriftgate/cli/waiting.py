"""A sign of life from commands that take longer than a moment.

Failure behaviour: without a terminal on standard error nothing is shown; what goes wrong inside is never hidden.
"""

import threading
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO

PATIENCE = 2.0
"""Seconds that somebody waits without wondering."""
_SHORTEST = 0.3
"""Seconds that a part of a command takes before it is worth a line."""


_begun: list[float] = []
"""When the command was typed; empty where no command line is."""


def begin() -> None:
    """A command was typed. What it imports before its own first line takes part of somebody's patience too."""
    _begun[:] = [time.monotonic()]


@contextmanager
def waiting(words: str, *, patience: float | None = None, file: IO[str] | None = None) -> Generator[None]:
    """After `patience` seconds a line says what is being done and for how long; it is gone when the block ends.

    By default that is when the whole command has taken `PATIENCE`.

    Print nothing inside: what somebody sees come, on a terminal, needs no other sign (see `unless_seen`). `file` is
    where it is shown, by default standard error.
    """
    if patience is None:
        patience = max(_SHORTEST, PATIENCE - sum(time.monotonic() - at for at in _begun))
    done = threading.Event()
    thread = threading.Thread(target=_show, args=(words, patience, file, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def unless_seen(output: IO[str], words: str) -> AbstractContextManager[None]:
    """`waiting`, for a block that writes to `output`: nothing where that is a terminal, which shows it come."""
    return nullcontext() if output.isatty() else waiting(words)


def _show(words: str, patience: float, file: IO[str] | None, done: threading.Event) -> None:
    if done.wait(patience):
        return
    from rich.console import Console

    console = Console(file=file, stderr=file is None, highlight=False)
    if not console.is_terminal:
        return
    started = time.monotonic() - patience
    with console.status(words) as status:
        while not done.wait(1.0):
            status.update(f"{words} {time.monotonic() - started:.0f} s")
