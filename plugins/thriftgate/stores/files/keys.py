"""The operator's `keys.yaml`, read anew when it changes.

Failure behaviour: a file that is broken at the start is a ConfigurationError; one that breaks later keeps its last good
state, and that is logged once for each breakage. A file that is gone later is such a case too: an editor that writes a
new one in its place must not lock everybody out. Neither must one that writes into the file: what is still being
written is read at the next look, and an empty file says nothing (`{}` says that there is nobody).
"""

import asyncio
import logging
from pathlib import Path

import yaml

from thriftgate.errors import ConfigurationError
from thriftgate.identity.forms import KeyFile, read_key_file

logger = logging.getLogger(__name__)

_MOST_BYTES = 32_000_000
_Version = tuple[int, int, int]


class WatchedKeyFile:
    """The file at `path`; `look()` is to be called from time to time."""

    def __init__(self, path: Path) -> None:
        """Reads it. Raises ConfigurationError when it cannot be read or has mistakes."""
        self._path = path
        self._seen: _Version | None = None
        try:
            self._seen = self._version()
            self._current = read_keys(path)
        except (OSError, ValueError) as error:
            problems = _words(error).splitlines()
            raise ConfigurationError([f"identity.file: {path.name}: {problem}" for problem in problems]) from None

    def current(self) -> KeyFile:
        """Everybody in it."""
        return self._current

    async def look(self) -> bool:
        """Read it if it has changed; whether there is something new."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> bool:
        try:
            version = self._version()
            if version == self._seen or version[1] == 0:
                return False
            found = _attempt(self._path)
            if self._version() != version:
                return False
        except OSError as error:
            self._forget(error)
            return False
        self._seen = version
        if isinstance(found, ValueError):
            logger.warning("%s has mistakes, its last good state is served: %s", self._path.name, found)
            return False
        self._current = found
        return True

    def _forget(self, error: OSError) -> None:
        """A file that is away is said once, and read when it is back whatever its time stamp says."""
        if self._seen != (0, 0, 0):
            logger.warning("%s cannot be read, its last state is served: %s", self._path.name, _words(error))
        self._seen = (0, 0, 0)

    def _version(self) -> _Version:
        stat = self._path.stat()
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def read_keys(path: Path) -> KeyFile:
    """The file as it is now. Raises OSError, or ValueError with a line for each mistake."""
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"is larger than {_MOST_BYTES} bytes")
    try:
        values: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise ValueError("is not valid YAML") from None
    return read_key_file(values)


def _attempt(path: Path) -> KeyFile | ValueError:
    """The file, or what is wrong with its text. Raises OSError."""
    try:
        return read_keys(path)
    except ValueError as error:
        return error


def _words(error: OSError | ValueError) -> str:
    return (error.strerror or "cannot be read") if isinstance(error, OSError) else str(error)
