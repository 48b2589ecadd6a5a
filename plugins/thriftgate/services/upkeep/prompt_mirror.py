"""Copies prompts to Langfuse and back.

Failure behaviour: raises what the client raises (StoreUnavailableError, LangfuseRefusedError). A push that is
interrupted has made some versions and not others; doing it again makes the rest, and nothing twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from thriftgate.prompts.changes import Changes
from thriftgate.prompts.history import Event
from thriftgate.prompts.mirror import (
    PushPlan,
    Remote,
    RemoteVersion,
    payload,
    plan_push,
    read_remote,
    versions_by_hash,
    wanted_labels,
)
from thriftgate.prompts.registry import Prompt
from thriftgate.prompts.versions import dump


class PromptApi(Protocol):
    """What is needed of Langfuse."""

    async def versions(self, name: str) -> Sequence[RemoteVersion]:
        """Every version of a prompt."""
        ...

    async def create(self, body: dict[str, Any]) -> RemoteVersion:
        """A new version."""
        ...

    async def set_labels(self, name: str, number: int, labels: Sequence[str]) -> None:
        """Put labels on a version."""
        ...


async def fetch(api: PromptApi, name: str) -> tuple[Remote, ...]:
    """Every version of a prompt in Langfuse, as ours."""
    return tuple(read_remote(version) for version in await api.versions(name))


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did, or would do."""

    plan: PushPlan
    numbers: dict[str, int]
    """Langfuse's number of every content, by hash; without those that a dry run would make."""


async def push(api: PromptApi, prompt: Prompt, *, force: bool = False, dry_run: bool = False) -> Pushed:
    """Bring versions and labels of `prompt` to Langfuse; done twice, the second time does nothing."""
    remotes = await fetch(api, prompt.name)
    plan = plan_push(prompt, remotes, force=force)
    numbers = dict(plan.numbers)
    if dry_run:
        return Pushed(plan, numbers)
    labels_of: dict[str, list[str]] = {}
    for move in plan.moves:
        labels_of.setdefault(move.hash, []).append(move.label)
    for version in plan.creates:
        body = payload(version, labels_of.pop(version.hash, []), message=f"thriftgate {version.name} {version.hash}")
        numbers[version.hash] = (await api.create(body)).number
    on = {remote.number: remote.labels for remote in remotes}
    for content_hash, labels in labels_of.items():
        number = numbers[content_hash]
        # With those it has: whether Langfuse adds labels or replaces them, the result is the same.
        moved_away = {move.label for move in plan.moves} - set(labels)
        await api.set_labels(prompt.name, number, sorted({*on[number], *labels} - moved_away))
    return Pushed(plan, numbers)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull found: versions to keep here, and what could not be read."""

    changes: Changes
    unreadable: tuple[str, ...]
    differing_labels: tuple[str, ...]
    """Labels that are on something else in Langfuse, in words; `promote` moves ours."""


async def pull(api: PromptApi, prompt: Prompt, *, now: float) -> Pulled:
    """Versions that were written in Langfuse, as frozen versions here. No file that exists is changed."""
    remotes = await fetch(api, prompt.name)
    known = set(versions_by_hash(prompt))
    numbers: dict[str, int] = {}
    for version in prompt.versions.values():
        numbers[version.variant] = max(numbers.get(version.variant, 0), version.number or 0)
    files: dict[str, str] = {}
    events: list[Event] = []
    names = {version.hash: version.name for version in versions_by_hash(prompt).values()}
    for remote in remotes:
        version = remote.version
        if version is None or version.hash in known:
            continue
        known.add(version.hash)
        numbers[remote.variant] = numbers.get(remote.variant, 0) + 1
        kept = version.frozen_as(numbers[remote.variant])
        names[kept.hash] = kept.name
        files[f"versions/{kept.name}.md"] = dump(kept)
        note = f"from Langfuse, version {remote.number}"
        events.append(Event(at=now, action="freeze", version=kept.name, hash=kept.hash, note=note))
    summary = tuple(f"{event.version} ({event.hash}) {event.note}" for event in events)
    return Pulled(
        Changes(summary=summary, new_files=files, events=tuple(events)),
        tuple(str(problem) for remote in remotes if remote.version is None for problem in remote.problems[:1]),
        tuple(_differing_labels(prompt, remotes, names)),
    )


def _differing_labels(prompt: Prompt, remotes: Sequence[Remote], names: dict[str, str]) -> list[str]:
    here = wanted_labels(prompt)
    return [
        f"{label}: {names.get(here.get(label, ''), 'nothing')} here, {names[remote.hash]} in Langfuse"
        for remote in remotes
        for label in remote.labels
        if label not in ("latest", *prompt.variants) and remote.hash in names and here.get(label) != remote.hash
    ]
