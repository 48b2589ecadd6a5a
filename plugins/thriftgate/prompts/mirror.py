"""How a prompt looks in Langfuse, and what would have to be done for both sides to agree.

One prompt here is one prompt there. Each content (by hash) is one version there, whichever variant it belongs to:
so Langfuse's own pages compare variants by version. Labels there are our labels, and each variant's name is a label
on what its file says now. The content hash is always computed from what Langfuse returns, never believed.

Failure behaviour: pure. What was written in Langfuse and cannot be read here is a `Remote` without a hash.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from thriftgate.prompts.parse import ROLES, FileName, is_name, parse_variant
from thriftgate.prompts.problems import Findings, PromptProblem
from thriftgate.prompts.registry import Prompt
from thriftgate.prompts.schema import ModelParams
from thriftgate.prompts.versions import PromptVersion, write_file

LATEST = "latest"
"""Langfuse's own label."""
PLACEHOLDER = "conversation"

_SIMPLE_VARIABLE = re.compile(r"\{\{\s*([a-z][a-z0-9_]{0,63})\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteVersion:
    """One version as Langfuse returns it."""

    name: str
    number: int
    labels: tuple[str, ...]
    prompt: str | Sequence[Mapping[str, Any]]
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remote:
    """A version in Langfuse, read as one of ours."""

    number: int
    labels: tuple[str, ...]
    variant: str
    text: str
    """As a variant's file."""
    version: PromptVersion | None
    """None when it cannot be read; `problems` says why."""
    problems: tuple[PromptProblem, ...] = ()

    @property
    def hash(self) -> str | None:
        """The hash of its content."""
        return self.version.hash if self.version is not None else None


@dataclass(frozen=True, slots=True)
class LabelMove:
    """A label that Langfuse has elsewhere, or not at all."""

    label: str
    hash: str
    from_number: int | None


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What a push would do."""

    creates: tuple[PromptVersion, ...]
    moves: tuple[LabelMove, ...]
    conflicts: tuple[str, ...]
    numbers: Mapping[str, int]
    """Langfuse's number of each content that both sides have, by hash."""

    @property
    def is_empty(self) -> bool:
        """Both sides agree already."""
        return not (self.creates or self.moves or self.conflicts)


def payload(version: PromptVersion, labels: Sequence[str], *, message: str) -> dict[str, Any]:
    """The body of Langfuse's `POST /api/public/v2/prompts` for a version."""
    messages: list[dict[str, str]] = [
        {"type": "chatmessage", "role": part.role, "content": part.source.text} for part in version.messages
    ]
    messages.insert(version.conversation_at, {"type": "placeholder", "name": PLACEHOLDER})
    front = version.front.model_dump(exclude_unset=True, include={"description", "variables"})
    ours = {"variant": version.variant, "hash": version.hash, **front}
    if version.includes:
        ours["includes"] = {name: source.text for name, source in version.includes.items()}
    return {
        "name": version.prompt,
        "type": "chat",
        "prompt": messages,
        "config": {**version.params, "thriftgate": ours},
        "labels": sorted(labels),
        "tags": list(version.front.tags),
        "commitMessage": message,
    }


def read_remote(remote: RemoteVersion) -> Remote:
    """A version in Langfuse as one of ours, whether we or somebody in its pages wrote it."""
    ours = _mapping(remote.config.get("thriftgate"))
    variant = _variant(ours)
    text = _file_text(remote, ours)
    findings = Findings()
    name = FileName(remote.name, variant, remote.number, f"langfuse:{remote.name}@{remote.number}")
    version = parse_variant(name, text, {}, findings)
    return Remote(remote.number, remote.labels, variant, text, version, tuple(findings.problems))


def plan_push(prompt: Prompt, remotes: Sequence[Remote], *, force: bool = False) -> PushPlan:
    """What Langfuse lacks of `prompt`. A label that was moved there to something unknown here is a conflict.

    With `force` such labels are moved as well. Versions there are never deleted.
    """
    local = versions_by_hash(prompt)
    numbers = {known: remote.number for remote in remotes if (known := remote.hash) is not None and known in local}
    moves: list[LabelMove] = []
    conflicts: list[str] = []
    for label, wanted in wanted_labels(prompt).items():
        if label == LATEST:
            conflicts.append(f"'{LATEST}' is Langfuse's own label; rename yours")
            continue
        holder = next((remote for remote in remotes if label in remote.labels), None)
        if holder is not None and holder.hash == wanted:
            continue
        if holder is not None and holder.hash not in local and not force:
            conflicts.append(
                f"label '{label}' is on Langfuse's version {holder.number}, which is not known here: "
                f"`pull` it, or `push --force` to move the label"
            )
            continue
        moves.append(LabelMove(label, wanted, holder.number if holder is not None else None))
    creates = tuple(version for content_hash, version in local.items() if content_hash not in numbers)
    return PushPlan(creates, tuple(moves), tuple(conflicts), numbers)


def versions_by_hash(prompt: Prompt) -> dict[str, PromptVersion]:
    """Every content of a prompt once, frozen versions first and in the order of their numbers."""
    frozen = sorted(prompt.versions.values(), key=lambda version: (version.number or 0, version.variant))
    found: dict[str, PromptVersion] = {}
    for version in (*frozen, *prompt.variants.values()):
        found.setdefault(version.hash, version)
    return found


def wanted_labels(prompt: Prompt) -> dict[str, str]:
    """Which content each label should be on: our labels, and each variant's name."""
    heads = {variant: version.hash for variant, version in prompt.variants.items()}
    labelled = {label: version.hash for label in prompt.labels if (version := prompt.resolve(label)) is not None}
    return {**heads, **labelled}


def _variant(ours: Mapping[str, Any]) -> str:
    variant = ours.get("variant")
    if isinstance(variant, str) and is_name(variant):
        return variant
    return "langfuse"


def _file_text(remote: RemoteVersion, ours: Mapping[str, Any]) -> str:
    messages, at = _messages(remote.prompt)
    variables = _mapping(ours.get("variables"))
    if not ours:
        # Written in Langfuse's pages, which know no types: every {{ name }} is a required text.
        names = dict.fromkeys(name for _, text in messages for name in _SIMPLE_VARIABLE.findall(text))
        variables = {name: dict[str, Any]() for name in names}
    params = {key: value for key, value in remote.config.items() if key in ModelParams.model_fields}
    front: dict[str, Any] = {
        "description": str(ours.get("description") or ""),
        "variables": variables,
        "params": params,
        "tags": [tag for tag in remote.tags if is_name(tag)],
    }
    includes = {str(name): str(text) for name, text in _mapping(ours.get("includes")).items()}
    return write_file(front, messages, conversation_at=at, includes=includes)


def _messages(prompt: str | Sequence[Mapping[str, Any]]) -> tuple[list[tuple[str, str]], int]:
    if isinstance(prompt, str):
        return [("system", prompt)], 1
    messages: list[tuple[str, str]] = []
    at: int | None = None
    for part in prompt:
        if part.get("type") == "placeholder" and part.get("name") == PLACEHOLDER and at is None:
            at = len(messages)
        elif part.get("type") == "placeholder":
            # Any other placeholder has no meaning here; as a marker it is refused by name.
            messages.append((f"placeholder {part.get('name')}", ""))
        else:
            role = str(part.get("role"))
            messages.append((role if role in ROLES else f"role {role}", str(part.get("content", ""))))
    return messages, len(messages) if at is None else at


def _mapping(value: Any) -> dict[str, Any]:
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else {}
