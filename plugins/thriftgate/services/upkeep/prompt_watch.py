"""Looks for edited prompts from time to time, and says what changed and what is wrong.

Failure behaviour: `look` never raises; a problem is logged once when it appears, and once when it is gone.
"""

import logging
from collections.abc import Mapping

from thriftgate.ports import PromptSource
from thriftgate.prompts.problems import PromptProblem
from thriftgate.prompts.registry import Registry

_log = logging.getLogger(__name__)


class PromptWatch:
    """Keeps a source of prompts fresh. One per worker."""

    def __init__(self, source: PromptSource) -> None:
        self._source = source
        self._seen = _contents(source.snapshot())
        self._problems: frozenset[PromptProblem] = frozenset(source.snapshot().problems)

    @property
    def problems(self) -> tuple[PromptProblem, ...]:
        """What is wrong now: for `doctor`, metrics and the live page."""
        return self._source.snapshot().problems

    async def look(self) -> Registry:
        """Serve what was edited and is good; log what changed since the last look."""
        registry = await self._source.refresh()
        contents = _contents(registry)
        for name in sorted(contents):
            if contents[name] != self._seen.get(name):
                _log.info("prompt %s: %s", name, _changes(self._seen.get(name, {}), contents[name]))
        problems = frozenset(registry.problems)
        for problem in sorted(problems - self._problems):
            _log.log(logging.ERROR if problem.severity == "error" else logging.WARNING, "prompts: %s", problem)
        if self._problems and not problems:
            _log.info("prompts: no problems any more")
        self._seen, self._problems = contents, problems
        return registry


def _contents(registry: Registry) -> dict[str, Mapping[str, str]]:
    """By prompt: what its variants and labels say, as hashes."""
    found: dict[str, Mapping[str, str]] = {}
    for name, prompt in registry.prompts.items():
        labels = {label: version.hash for label in prompt.labels if (version := prompt.resolve(label)) is not None}
        found[name] = {**{variant: version.hash for variant, version in prompt.variants.items()}, **labels}
    return found


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    names = sorted(before.keys() | after.keys())
    changed = [name for name in names if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {before.get(name, 'new')} -> {after.get(name, 'gone')}" for name in changed)
