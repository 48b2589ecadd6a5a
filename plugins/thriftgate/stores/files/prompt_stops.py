"""Which variants guards have stopped: one small JSON file under `data_dir`, next to the prompts, not among them.

`prompt.yaml` says what an operator wants, this file what happened; a gateway may be allowed to write here and not
there. All workers read it. Two that decide at the same moment write the same decision, or each other's is made
again at the next look: so there is no lock, only whole files put in place.

    {"support/concise-answers": {"concise": {"at": 1782864000.0, "metric": "quality", …}}}

To serve a stopped variant again, take it out of the file, or begin a new experiment under another name.

Failure behaviour: raises StoreUnavailableError when the file cannot be read or written. A file that is not JSON is
such a case too: guards must not take "nothing was stopped" from it.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from thriftgate.errors import StoreUnavailableError

Stops = dict[str, dict[str, dict[str, Any]]]


class PromptStops:
    """The file at `path`; absent means nothing was stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> Mapping[str, frozenset[str]]:
        """Stopped variants by `prompt/experiment`. Raises StoreUnavailableError."""
        return {name: frozenset(stopped) for name, stopped in (await self.read()).items()}

    async def read(self) -> Stops:
        """When and why each was stopped. Raises StoreUnavailableError."""
        return await asyncio.to_thread(self._read)

    async def add(self, experiment: str, variant: str, *, at: float, why: Mapping[str, Any]) -> None:
        """Stop a variant; again changes nothing. Raises StoreUnavailableError."""
        await asyncio.to_thread(self._add, experiment, variant, {"at": at, **why})

    def _read(self) -> Stops:
        try:
            read: object = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StoreUnavailableError(f"{self._path} cannot be read: {type(error).__name__}") from error
        if not _is_stops(read):
            raise StoreUnavailableError(f"{self._path} is not what guards write")
        return cast("Stops", read)

    def _add(self, experiment: str, variant: str, why: dict[str, Any]) -> None:
        stops = self._read()
        if variant in stops.get(experiment, {}):
            return
        stops.setdefault(experiment, {})[variant] = why
        aside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(stops, indent=2) + "\n", encoding="utf-8")
            aside.replace(self._path)
        except OSError as error:
            raise StoreUnavailableError(f"{self._path} cannot be written: {type(error).__name__}") from error


def _is_stops(read: object) -> bool:
    if not isinstance(read, dict):
        return False
    experiments = cast("dict[str, object]", read).values()
    return all(
        isinstance(stopped, dict) and all(isinstance(why, dict) for why in cast("dict[str, object]", stopped).values())
        for stopped in experiments
    )
