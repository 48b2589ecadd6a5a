"""One version of a prompt, its content hash, and the file it is frozen into.

Failure behaviour: none; everything here is total.
"""

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from jinja2 import Template

from thriftgate.prompts.schema import FrontMatter, Variable, set_params
from thriftgate.prompts.templates.language import Source

HASH_LENGTH = 12
"""Hexadecimal digits of a content hash: 48 bits, far beyond what one prompt's history needs."""


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """One message of a prompt: the role is fixed, the text is a template."""

    role: str
    source: Source
    template: Template = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """What a model is told: messages, the variables in them, and parameters."""

    prompt: str
    variant: str
    number: int | None
    """The n of `control@n`; None for the variant's file as it is now."""
    file: str
    front: FrontMatter
    messages: tuple[MessageTemplate, ...]
    """In the order they are sent, few-shot examples among them."""
    leading: int
    """How many system messages stand at the beginning; the caller's own follow them."""
    conversation_at: int
    """The caller's messages are put before the message of this index."""
    examples_at: tuple[int, int]
    """`messages[start:end]` are the few-shot examples."""
    includes: Mapping[str, Source]
    """The shared texts the messages use."""
    hash: str
    """Changes with every edit that a model could notice, and with no other."""

    @property
    def name(self) -> str:
        """`control@2`, or `control` for the variant's file as it is now."""
        return self.variant if self.number is None else f"{self.variant}@{self.number}"

    def frozen_as(self, number: int) -> "PromptVersion":
        """The same content as version `number` of its variant."""
        return replace(self, number=number, file=f"{self.prompt}/versions/{self.variant}@{number}.md")

    @property
    def variables(self) -> Mapping[str, Variable]:
        """What callers may put in."""
        return self.front.variables

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters of the model that the file gives."""
        return set_params(self.front.params)


def content(version: PromptVersion) -> dict[str, Any]:
    """Everything of a version that a model could notice, as JSON values: what the hash is of."""
    return {
        "messages": [{"role": message.role, "content": message.source.text} for message in version.messages],
        "leading": version.leading,
        "conversation_at": version.conversation_at,
        "includes": {name: source.text for name, source in sorted(version.includes.items())},
        "variables": {
            name: {"required": variable.is_required, **variable.model_dump(exclude={"description"})}
            for name, variable in sorted(version.variables.items())
        },
        "params": dict(version.params),
    }


def content_hash(parts: Mapping[str, Any]) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of canonical JSON (keys sorted, no spaces, UTF-8)."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]


def dump(version: PromptVersion) -> str:
    """The file that freezes a version: the format of a variant, with its includes inside.

    Reading it back gives a version with the same content and hash.
    """
    front = version.front.model_dump(exclude_unset=True, exclude={"includes", "frozen"})
    first, end = version.examples_at
    body = [(message.role, message.source.text) for message in (*version.messages[:first], *version.messages[end:])]
    at = version.conversation_at - (end - first)
    includes = {name: source.text for name, source in version.includes.items()}
    return write_file({**front, "frozen": version.hash}, body, conversation_at=at, includes=includes)


def write_file(
    front: Mapping[str, Any],
    messages: Sequence[tuple[str, str]],
    *,
    conversation_at: int,
    includes: Mapping[str, str],
) -> str:
    """The text of a variant's file: `messages` are roles and templates, `includes` shared texts by name."""
    head = yaml.dump(dict(front), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    blocks = [f"[[{role}]]\n{escape(text)}" for role, text in messages]
    blocks.insert(conversation_at, "[[conversation]]")
    blocks += [f"[[include {name}]]\n{escape(text)}" for name, text in sorted(includes.items())]
    return f"---\n{head}---\n" + "\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """A message's text such that none of its lines is taken for a marker."""
    return "\n".join("\\" + line if looks_like_marker(line.lstrip("\\")) else line for line in text.split("\n"))


def unescape(line: str) -> str:
    """The line as it was before `escape`."""
    return line[1:] if line.startswith("\\") and looks_like_marker(line.lstrip("\\")) else line


def looks_like_marker(line: str) -> bool:
    """Whether a line is `[[something]]`: a role, an include, or a slip of the pen."""
    line = line.rstrip()
    return line.startswith("[[") and line.endswith("]]") and "[" not in line[2:-2] and "]" not in line[2:-2]


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and never an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if any(not char.isprintable() and char != "\n" for char in text):
        style = '"'  # PyYAML folds U+0085 and its kind into spaces in any other style
    else:
        style = "|" if "\n" in text.strip() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def diff(before: PromptVersion, after: PromptVersion) -> str:
    """A unified diff of the two as frozen files, without the hash line; empty when a model would notice nothing.

    Descriptions and tags are shown as well, when something else differs too.
    """
    if before.hash == after.hash:
        return ""
    lines = difflib.unified_diff(
        list(_lines(before)), list(_lines(after)), fromfile=_title(before), tofile=_title(after), lineterm="", n=3
    )
    return "\n".join(lines) + "\n"


def _lines(version: PromptVersion) -> Iterator[str]:
    return (line for line in dump(version).split("\n") if line != f"frozen: {version.hash}")


def _title(version: PromptVersion) -> str:
    return f"{version.prompt}/{version.name} ({version.hash})"
