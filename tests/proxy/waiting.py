"""Waiting for another process, which has no event to wait for: the proxy does some work beside its answers."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], bool], patience: float = 10.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + patience
    # Asked once a turn: of two workers the second may still say no when the first has said yes.
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


def settle(seconds: float) -> None:
    """Give the proxy time for what it must NOT do: waiting longer can only make such a test stricter."""
    time.sleep(seconds)
