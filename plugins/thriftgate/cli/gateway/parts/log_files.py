"""Where the output of a child process goes: a file that is appended to and rotated, or our own standard output.

Failure behaviour: a log that cannot be written (a full disk) loses lines and says so once on standard error; the child
is never held up by it. The thread ends when the child closes its output.
"""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from thriftgate.wording import machine_moment

_COLOUR = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
MOST_BYTES = 20_000_000
KEPT = 5
"""Older files beside the current one: `proxy.log.1` is the latest of them."""


class RotatedLog:
    """A file that grows to `most_bytes`, is then set aside, and begun anew; `kept` older ones stay."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES, kept: int = KEPT) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._kept = kept
        self._size = path.stat().st_size if path.exists() else 0
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, line: bytes) -> None:
        """Append a line. Raises OSError."""
        if self._size and self._size + len(line) > self._most_bytes:
            self._rotate()
        with self._path.open("ab") as file:
            file.write(line)
        self._size += len(line)

    def _rotate(self) -> None:
        for number in range(self._kept, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path.with_name(f"{self._path.name}.{number - 1}") if number > 1 else self._path
            with suppress(FileNotFoundError):
                newer.replace(older)
        self._size = 0


def as_json(line: bytes) -> bytes:
    """A line for a collector of logs: a JSON object as it is, anything else wrapped, without a terminal's colours."""
    return _object(_plain(line))


def _plain(line: bytes) -> bytes:
    return _COLOUR.sub(b"", line).strip()


def _object(text: bytes) -> bytes:
    if text[:1] == b"{":
        try:
            json.loads(text)
        except ValueError:
            pass
        else:
            return text + b"\n"
    return told(text.decode("utf-8", "replace"))


def told(message: str, *, level: str = "INFO") -> bytes:
    """A message of ours as a line of JSON."""
    now = machine_moment(time.time(), "milliseconds")
    return json.dumps({"timestamp": now, "level": level, "message": message}, ensure_ascii=False).encode() + b"\n"


def to_stdout(line: bytes) -> None:
    """A line of JSON for whoever collects our output."""
    if text := _plain(line):
        os.write(sys.stdout.fileno(), _object(text))


def pump(source: IO[bytes], write: Callable[[bytes], None], *, name: str) -> threading.Thread:
    """Carry what `source` says to `write`, line by line, until it ends."""

    def carry() -> None:
        is_told = False
        for line in iter(source.readline, b""):
            try:
                write(line)
            except (OSError, ValueError) as error:
                if not is_told:
                    is_told = True
                    print(f"the log of {name} cannot be written: {type(error).__name__}", file=sys.stderr)
        source.close()

    thread = threading.Thread(target=carry, name=f"log of {name}", daemon=True)
    thread.start()
    return thread
