"""Samples the proxy that is started with this folder on its path: what runs, each millisecond of its CPU.

The kernel's profiling timer counts the CPU of the process, and its signal is handled by the main thread, which is the
event loop's: what a thread uses while the loop waits is seen as the loop's own. SIGUSR2 begins and ends; each line of
the file is a stack and how often it was seen.
"""

import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

_EVERY = 0.001


class Sampler:
    """Counts stacks."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: Counter[str] = Counter()
        self._is_on = False

    def toggle(self, *_: object) -> None:
        """Begin, or end and write."""
        self._is_on = not self._is_on
        signal.setitimer(signal.ITIMER_PROF, *((_EVERY, _EVERY) if self._is_on else (0.0, 0.0)))
        if not self._is_on:
            self._file.write_text("".join(f"{stack}\t{n}\n" for stack, n in self._seen.items()), encoding="utf-8")
            self._seen.clear()

    def sample(self, _: int, frame: FrameType | None) -> None:
        """Count what runs now."""
        stack = list[str]()
        while frame is not None:
            stack.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")
            frame = frame.f_back
        self._seen["\t".join(reversed(stack))] += 1


_file = os.environ.get("THRIFTGATE_SAMPLES")
if _file and any("thriftgate.proxy.serving" in word for word in sys.orig_argv):
    _sampler = Sampler(Path(_file))
    signal.signal(signal.SIGPROF, _sampler.sample)
    signal.signal(signal.SIGUSR2, _sampler.toggle)
