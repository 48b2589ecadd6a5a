"""A file that gets a JSON line for each decision of a guard; nothing of what was said is in it.

Failure behaviour: a line that cannot be written is lost and counted; the request goes on. One `write` a line on a file
opened for appending, so workers may share it.
"""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


class AuditLog:
    """Appends to a file, made when the first line comes; without a path only the process's log gets the lines."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: int | None = None
        self.lost = 0
        """Lines that could not be written."""

    def write(self, line: Mapping[str, Any]) -> None:
        """One decision."""
        written = json.dumps(line, ensure_ascii=True, default=str)
        logger.info("guard %s", written)
        if self._path is None:
            return
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            os.write(self._file, written.encode() + b"\n")
        except OSError as error:
            self.lost += 1
            if self.lost == 1:
                logger.warning("the guards' audit log cannot be written: %s", type(error).__name__)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
