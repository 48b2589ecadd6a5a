"""Freezing, promoting, rolling back: what would be written to a prompt's folder, as values.

Labels are changed in `prompt.yaml` by replacing the few characters that name the version, so that comments, order
and layout stay as they were written; the result is read again before anything is kept.

Failure behaviour: raises PromptChangeError with a sentence for whoever typed the command; nothing is written here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from thriftgate.errors import GatewayError
from thriftgate.prompts.documents import read_yaml
from thriftgate.prompts.history import Event, previous
from thriftgate.prompts.problems import Findings, name_hint
from thriftgate.prompts.registry import Prompt
from thriftgate.prompts.versions import PromptVersion, dump

SETTINGS = "prompt.yaml"
HISTORY = "history.jsonl"


class PromptChangeError(GatewayError):
    """A prompt cannot be changed as asked."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What to write into a prompt's folder; `new_files` must not exist, `settings` goes last."""

    summary: tuple[str, ...]
    new_files: Mapping[str, str] = field(default_factory=dict[str, str])
    events: tuple[Event, ...] = ()
    settings: str | None = None


def promote(prompt: Prompt, settings: str, reference: str, *, label: str, now: float, note: str = "") -> Changes:
    """Let `label` serve `reference`; a variant is frozen first, and so is what the label served until now.

    Args:
        prompt: As it was read.
        settings: The text of its `prompt.yaml`.
        reference: A variant, a version, or another label.
        label: Usually `production`.
        now: Seconds since the epoch, for the history.
        note: Why; for the history.
    """
    target = prompt.resolve(reference)
    if target is None:
        known = {*prompt.variants, *prompt.versions, *prompt.labels}
        raise PromptChangeError(f"prompt '{prompt.name}' has no '{reference}'{name_hint(reference, known)}")
    frozen = dict(prompt.versions)
    freezing: list[PromptVersion] = []
    current = prompt.labels.get(label)
    before = _freeze(prompt.resolve(current), frozen, freezing) if current is not None else None
    after = _freeze(target, frozen, freezing)
    assert after is not None
    if current == after:
        raise PromptChangeError(f"'{label}' already serves {after}, whose content is {frozen[after].hash}")
    events = [
        Event(at=now, action="freeze", version=version.name, hash=version.hash, note=note) for version in freezing
    ]
    events.append(
        Event(at=now, action="promote", label=label, before=before, version=after, hash=frozen[after].hash, note=note)
    )
    return Changes(
        summary=(
            *(f"froze {version.variant}.md as {version.name} ({version.hash})" for version in freezing),
            f"{label}: {current or 'nothing'} -> {after}",
        ),
        new_files={f"versions/{version.name}.md": dump(version) for version in freezing},
        events=tuple(events),
        settings=set_label(settings, label, after, file=f"{prompt.name}/{SETTINGS}"),
    )


def roll_back(prompt: Prompt, settings: str, *, label: str, now: float, note: str = "") -> Changes:
    """Let `label` serve again what it served before; repeated, it goes further back."""
    current = prompt.labels.get(label)
    moves = [event for event in prompt.history if event.label == label]
    # Whoever edited the label by hand since then means "undo that" first.
    was_edited = bool(moves) and moves[-1].version != current
    target = moves[-1].version if was_edited else previous(prompt.history, label)
    if target is None or current is None:
        raise PromptChangeError(f"prompt '{prompt.name}': the history knows nothing that '{label}' served before")
    version = prompt.versions.get(target)
    if version is None:
        raise PromptChangeError(
            f"'{label}' served {target} before, but versions/{target}.md is gone; restore it with git"
        )
    # Undoing a hand-made edit returns to the last recorded move: that is a promotion of it, not a step back in time.
    action = "promote" if was_edited else "rollback"
    before = None if was_edited else current
    event = Event(at=now, action=action, label=label, before=before, version=target, hash=version.hash, note=note)
    return Changes(
        summary=(f"{label}: {current} -> {target} ({version.hash})",),
        events=(event,),
        settings=set_label(settings, label, target, file=f"{prompt.name}/{SETTINGS}"),
    )


def _freeze(
    version: PromptVersion | None, frozen: dict[str, PromptVersion], freezing: list[PromptVersion]
) -> str | None:
    """The name of the frozen version with this content, made now if there is none."""
    if version is None:
        return None
    if version.number is not None:
        return version.name
    same = [other.name for other in frozen.values() if other.variant == version.variant and other.hash == version.hash]
    if same:
        return same[-1]
    numbers = [other.number or 0 for other in frozen.values() if other.variant == version.variant]
    made = version.frozen_as(max(numbers, default=0) + 1)
    frozen[made.name] = made
    freezing.append(made)
    return made.name


def set_label(text: str, label: str, reference: str, *, file: str) -> str:
    """The text of a `prompt.yaml` with `label` pointing at `reference`, every other character as it was."""
    edited = _edit(text, label, reference)
    before, after = (read_yaml(part, file=file, findings=Findings()) for part in (text, edited))
    if before is None or after is None:
        raise PromptChangeError(f"{file} cannot be edited; point the label '{label}' at {reference} by hand")
    labels: Mapping[str, Any] = before.data.get("labels") or {}
    wanted = {**before.data, "labels": {**labels, label: reference}}
    if dict(after.data) != wanted:
        raise PromptChangeError(f"{file} cannot be edited; point the label '{label}' at {reference} by hand")
    return edited


def _edit(text: str, label: str, reference: str) -> str:
    root = yaml.SafeLoader(text).get_single_node()
    labels = _child(root, "labels")
    if not isinstance(labels, yaml.MappingNode):
        if labels is not None:  # `labels:` with nothing after it
            return _put(text, labels.start_mark.index, labels.end_mark.index, f"\n  {label}: {reference}\n")
        gap = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{gap}labels:\n  {label}: {reference}\n"
    value = _child(labels, label)
    if value is not None:
        return _put(text, value.start_mark.index, value.end_mark.index, reference)
    if labels.flow_style:
        end = labels.end_mark.index - 1
        return _put(text, end, end, f"{', ' if labels.value else ''}{label}: {reference}")
    first = labels.value[0][0].start_mark
    return _put(text, first.index, first.index, f"{label}: {reference}\n{' ' * first.column}")


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == key:
                return value_node
    return None


def _put(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]
