"""Prompts out of Langfuse, and the numbers that Langfuse gives to versions.

`LangfuseNumbers` remembers which version number each content has in a Langfuse project, so that traces can link to
it. Numbers belong to one Langfuse project and not to the prompts, so they are kept under `data_dir`, not in git.

`LangfusePrompts` (`prompts: {source: langfuse}`) serves what Langfuse's labels point at. Langfuse versions are
turned into the very files that the registry reads, and go through the same checks; experiments still come from
`prompt.yaml`. The files are kept on disk: a gateway starts and runs while Langfuse is away.

Failure behaviour: neither raises on the request path. With Langfuse away, or a prompt there that cannot be read, the
last good state is served and the registry's problems say so. A broken file of ours counts as absent.
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from thriftgate.errors import GatewayError
from thriftgate.ports import Clock, PromptSource
from thriftgate.prompts.mirror import LATEST, Remote, read_remote
from thriftgate.prompts.parse import is_name
from thriftgate.prompts.problems import PromptProblem
from thriftgate.prompts.registry import Prompt, Registry, parse_prompt
from thriftgate.prompts.schema import Experiment
from thriftgate.prompts.versions import dump
from thriftgate.stores.langfuse.client import LangfuseClient

_LEAST_INTERVAL = 30.0

Files = dict[str, str]


class LangfuseNumbers:
    """Which number each content of a prompt has in one Langfuse project, kept in the file at `path`."""

    def __init__(self, path: Path, project: str) -> None:
        self._path = path
        self._project = project
        self._numbers = self._read().get(project, {})

    def number(self, prompt: str, content_hash: str) -> int | None:
        """Langfuse's number of a version; None when it is not known there."""
        return self._numbers.get(prompt, {}).get(content_hash)

    def of(self, prompt: str) -> Mapping[str, int]:
        """Every known number of a prompt, by content hash."""
        return self._numbers.get(prompt, {})

    def reload(self) -> None:
        """Read again what another process (`thriftgate prompts push`) may have written."""
        self._numbers = self._read().get(self._project, {})

    async def look(self) -> None:
        """The same, off the event loop."""
        await asyncio.to_thread(self.reload)

    def keep(self, prompt: str, numbers: Mapping[str, int]) -> None:
        """Remember the numbers of a prompt. Raises OSError when the file cannot be written."""
        self._numbers = {**self._numbers, prompt: dict(numbers)}
        _write(self._path, {**self._read(), self._project: self._numbers})

    def _read(self) -> dict[str, dict[str, dict[str, int]]]:
        return cast("dict[str, dict[str, dict[str, int]]]", _read_object(self._path))


class LangfusePrompts:
    """Serves prompts by Langfuse's labels. `local` has their experiments, and its names are fetched.

    Args:
        client: Calls Langfuse.
        local: The registry in files; prompts that Langfuse does not know are served from it.
        names: Prompts to fetch, besides those in `local`.
        cache: Where the last good state is kept.
        numbers: Learns the version numbers.
        clock: Spaces the requests to Langfuse.
        interval: Seconds between them, at least 30.
    """

    def __init__(
        self,
        client: LangfuseClient,
        local: PromptSource,
        *,
        names: Sequence[str],
        cache: Path,
        numbers: LangfuseNumbers,
        clock: Clock,
        interval: float = _LEAST_INTERVAL,
    ) -> None:
        self._client = client
        self._local = local
        self._names = frozenset(names)
        self._cache = cache
        self._numbers = numbers
        self._clock = clock
        self._interval = max(interval, _LEAST_INTERVAL)
        self._next_at: float | None = None
        self._files = cast("dict[str, Files]", _read_object(cache))
        self._problems: dict[str, tuple[PromptProblem, ...]] = {}
        self._registry = Registry()
        self._build()

    def snapshot(self) -> Registry:
        """What is served now."""
        return self._registry

    async def refresh(self) -> Registry:
        """Ask Langfuse for its labels, when the interval has passed, and the files for their edits."""
        await self._local.refresh()
        now = self._clock.monotonic()
        if self._next_at is None or now >= self._next_at:
            self._next_at = now + self._interval
            for name in sorted(self._names | set(self._local.snapshot().prompts)):
                await self._fetch(name)
        self._build()
        return self._registry

    async def _fetch(self, name: str) -> None:
        try:
            remotes = [read_remote(version) for version in await self._client.versions(name)]
        except GatewayError as error:
            self._problems[name] = (_problem(name, f"{error.message}; the last good state is served"),)
            return
        if not remotes:
            self._problems[name] = (_problem(name, "Langfuse does not know this prompt; the files are served"),)
            return
        files = files_of(remotes)
        parsed = parse_prompt(name, files, {})
        broken = [problem for remote in remotes if remote.labels for problem in remote.problems]
        found = [problem for problem in (*broken, *parsed.problems) if problem.severity == "error"]
        self._problems[name] = tuple(found)
        if parsed.prompt is not None and not found and files != self._files.get(name):
            self._files[name] = files
            await asyncio.to_thread(self._keep)
        self._numbers_of(name, remotes)

    def _numbers_of(self, name: str, remotes: Sequence[Remote]) -> None:
        numbers = {remote.hash: remote.number for remote in remotes if remote.hash is not None}
        if dict(self._numbers.of(name)) != numbers:
            try:
                self._numbers.keep(name, numbers)
            except OSError as error:
                self._problems[name] += (_problem(name, f"version numbers cannot be kept: {error.strerror}"),)

    def _keep(self) -> None:
        try:
            _write(self._cache, self._files)
        except OSError as error:
            self._problems["langfuse"] = (_problem("langfuse", f"{self._cache} cannot be written: {error.strerror}"),)

    def _build(self) -> None:
        local = self._local.snapshot()
        prompts = dict(local.prompts)
        problems = list(local.problems)
        for name, files in self._files.items():
            parsed = parse_prompt(name, files, {})
            if parsed.prompt is not None:
                prompts[name], lacking = _with_experiments(parsed.prompt, local.prompts.get(name))
                problems += lacking
        problems += [problem for found in self._problems.values() for problem in found]
        self._registry = Registry(prompts, tuple(problems))


def files_of(remotes: Sequence[Remote]) -> Files:
    """The files of a prompt that serves what Langfuse's labels are on.

    A label that is the name of the version's variant is that variant's file. Any other label points at a frozen
    version that has Langfuse's number: `control@7`.
    """
    files: Files = {}
    labels: dict[str, str] = {}
    for remote in remotes:
        for label in remote.labels:
            if label == LATEST or remote.version is None or not is_name(label):
                continue
            if label == remote.variant:
                files[f"{label}.md"] = remote.text
            else:
                labels[label] = f"{remote.variant}@{remote.number}"
                files[f"versions/{remote.variant}@{remote.number}.md"] = dump(remote.version)
    for remote in remotes:
        if f"{remote.variant}@{remote.number}" in labels.values():
            files.setdefault(f"{remote.variant}.md", remote.text)
    return {**files, "prompt.yaml": json.dumps({"labels": labels})} if files else {}


def _with_experiments(prompt: Prompt, local: Prompt | None) -> tuple[Prompt, list[PromptProblem]]:
    """The prompt with the experiments of the files, but for those that name a variant it does not have."""
    if local is None:
        return prompt, []
    experiments: dict[str, Experiment] = {}
    problems: list[PromptProblem] = []
    for name, experiment in local.experiments.items():
        lacking = [variant for variant in experiment.variants if prompt.resolve(variant) is None]
        if lacking:
            words = f"experiment '{name}' does not run: Langfuse has nothing labelled '{lacking[0]}'"
            problems.append(_problem(prompt.name, words))
        else:
            experiments[name] = experiment
    return replace(prompt, description=local.description, experiments=experiments), problems


def _problem(name: str, message: str) -> PromptProblem:
    return PromptProblem(f"langfuse:{name}", 1, message)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        read: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    aside.replace(path)
