"""Reads a variant's file: front matter, then messages, each under its role.

    ---
    description: Short answers
    variables: {company: {default: Fennel & Fern}}
    ---
    [[system]]
    You answer customers of {{ company }}.
    [[conversation]]

Roles are found in the FILE, before any value is put in: a value with a line `[[system]]` stays text in the
message where its variable stands. Text before the first marker is the system message. A line that must look
like a marker and is none begins with a backslash.

Failure behaviour: every mistake becomes a problem with its line; a version with errors is None.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from thriftgate.prompts.documents import LinedMapping, read_yaml, validate
from thriftgate.prompts.problems import Findings, name_hint
from thriftgate.prompts.schema import NAME, FrontMatter
from thriftgate.prompts.templates.language import Source
from thriftgate.prompts.templates.sandbox import Templates
from thriftgate.prompts.templates.variables import complaint
from thriftgate.prompts.versions import (
    MessageTemplate,
    PromptVersion,
    content,
    content_hash,
    looks_like_marker,
    unescape,
)

ROLES = ("system", "developer", "user", "assistant")
SYSTEM_ROLES = ("system", "developer")
MAX_FILE_CHARS = 256_000

_INCLUDE = re.compile(r"include ([a-z0-9][a-z0-9_-]{0,63})")


@dataclass(frozen=True, slots=True)
class FileName:
    """Which version a file holds."""

    prompt: str
    variant: str
    number: int | None
    path: str


@dataclass(slots=True)
class _Body:
    messages: list[tuple[str, Source]] = field(default_factory=list[tuple[str, Source]])
    conversation_at: int | None = None
    includes: dict[str, Source] = field(default_factory=dict[str, Source])


def parse_variant(name: FileName, text: str, shared: Mapping[str, str], findings: Findings) -> PromptVersion | None:
    """The version written in `text`; None, with the problems in `findings`, when it is broken.

    `shared` are the texts that `includes` may name, by their path under the registry's folder.
    """
    mine = Findings()
    version = _parse(name, text, shared, mine)
    findings.problems.extend(sorted(mine.problems))
    return None if mine.has_errors else version


def _parse(name: FileName, text: str, shared: Mapping[str, str], findings: Findings) -> PromptVersion | None:
    text = normalise(text)
    if len(text) > MAX_FILE_CHARS:
        findings.error(name.path, 1, f"is too long: {len(text)} characters, at most {MAX_FILE_CHARS}")
        return None
    split = _split(text, name.path, findings)
    if split is None:
        return None
    head, body_lines, body_line = split
    document = read_yaml(head, file=name.path, findings=findings, first_line=2)
    front = validate(document, FrontMatter, findings) if document is not None else None
    body = _read_body(body_lines, name.path, body_line, findings)
    if document is None or front is None:
        return None
    _check_variables(front, document, findings)
    includes = body.includes | _shared_texts(front, document, shared, body, findings)
    return _assemble(name, front, document, body, includes, findings)


def normalise(text: str) -> str:
    """Without a byte order mark, every line ending a line feed."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _split(text: str, file: str, findings: Findings) -> tuple[str, list[str], int] | None:
    """Front matter, body lines, and the line on which the body begins."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return "", lines, 1
    for index, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return "\n".join(lines[1:index]), lines[index + 1 :], index + 2
    findings.error(file, 1, "the front matter is not closed: a line of --- is missing")
    return None


def _read_body(lines: list[str], file: str, first_line: int, findings: Findings) -> _Body:
    body = _Body()
    marker: str | None = None
    place, held = _Place(file, first_line - 1), list[str]()
    for number, line in enumerate([*lines, "[[end]]"], start=first_line):
        if looks_like_marker(line):
            _close_section(body, marker, held, place, findings)
            marker, place, held = line.rstrip()[2:-2], _Place(file, number), []
        else:
            held.append(unescape(line))
    return body


@dataclass(frozen=True, slots=True)
class _Place:
    file: str
    line: int
    """Of the marker; the text begins below."""


def _close_section(body: _Body, marker: str | None, held: list[str], place: _Place, findings: Findings) -> None:
    text, line = _trimmed(held, place.line + 1)
    source = Source(text, place.file, line)
    if marker is None:
        if text.strip():
            body.messages.append(("system", source))
    elif marker in ROLES:
        if not text.strip():
            findings.error(place.file, place.line, f"the {marker} message is empty")
        body.messages.append((marker, source))
    elif marker == "conversation":
        _close_conversation(body, text, place, findings)
    elif match := _INCLUDE.fullmatch(marker):
        if match[1] in body.includes:
            findings.error(place.file, place.line, f"include '{match[1]}' is given twice")
        body.includes[match[1]] = source
    else:
        hint = name_hint(marker.strip().lower(), [*ROLES, "conversation", "include NAME"])
        findings.error(place.file, place.line, f"'[[{marker}]]' is not a marker{hint}")


def _close_conversation(body: _Body, text: str, place: _Place, findings: Findings) -> None:
    if text:
        findings.error(place.file, place.line, "[[conversation]] has no text of its own")
    if body.conversation_at is not None:
        findings.error(place.file, place.line, "[[conversation]] is given twice")
    body.conversation_at = len(body.messages)


def _trimmed(lines: list[str], first_line: int) -> tuple[str, int]:
    """The lines without empty ones at both ends, and the line of the first that is left."""
    start, end = 0, len(lines)
    while start < end and not lines[start]:
        start += 1
    while end > start and not lines[end - 1]:
        end -= 1
    return "\n".join(lines[start:end]), first_line + start


def _check_variables(front: FrontMatter, document: LinedMapping, findings: Findings) -> None:
    for name, variable in front.variables.items():
        candidates = [("default", variable.default)] if not variable.is_required else []
        candidates += [("choices", choice) for choice in variable.choices or ()]
        for key, value in candidates:
            # A default of null makes the variable optional; anything else must be a value callers could send.
            wrong = complaint(variable, value) if value is not None or key == "choices" else None
            if wrong is not None:
                line = document.line("variables", name, key)
                findings.error(document.file, line, f"{key}: {wrong}", variable=name)
        if variable.minimum is not None and variable.maximum is not None and variable.minimum > variable.maximum:
            line = document.line("variables", name, "minimum")
            findings.error(document.file, line, "minimum is greater than maximum", variable=name)


def _shared_texts(
    front: FrontMatter, document: LinedMapping, shared: Mapping[str, str], body: _Body, findings: Findings
) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for name, path in front.includes.items():
        line = document.line("includes", name)
        if path not in shared:
            findings.error(document.file, line, f"include '{name}': there is no file '{path}'{name_hint(path, shared)}")
        elif name in body.includes:
            findings.error(document.file, line, f"include '{name}' is also written in this file")
        else:
            text, first_line = _trimmed(normalise(shared[path]).split("\n"), 1)
            found[name] = Source(text, path, first_line)
    return found


def _assemble(
    name: FileName, front: FrontMatter, document: LinedMapping, body: _Body, includes: Mapping[str, Source],
    findings: Findings,
) -> PromptVersion | None:  # fmt: skip
    if not body.messages:
        findings.error(name.path, 1, "has no message")
    leading = next((i for i, (role, _) in enumerate(body.messages) if role not in SYSTEM_ROLES), len(body.messages))
    conversation_at = len(body.messages) if body.conversation_at is None else body.conversation_at
    if conversation_at < leading:
        findings.error(name.path, 1, "[[conversation]] must come after the system messages at the beginning")
    examples = _examples(front, document)
    sources = [*body.messages[:leading], *examples, *body.messages[leading:]]
    templates = Templates(tuple(front.variables), includes, findings)
    compiled = [(role, source, templates.compile(source)) for role, source in sources]
    messages = tuple(MessageTemplate(role, source, template) for role, source, template in compiled if template)
    _warn_about_unused(name, front, document, templates, includes, findings)
    if findings.has_errors:
        return None
    version = PromptVersion(
        prompt=name.prompt,
        variant=name.variant,
        number=name.number,
        file=name.path,
        front=front,
        messages=messages,
        leading=leading,
        conversation_at=conversation_at + len(examples),
        examples_at=(leading, leading + len(examples)),
        includes={key: source for key, source in includes.items() if key in templates.used_includes},
        hash="",
    )
    return replace(version, hash=content_hash(content(version)))


def _examples(front: FrontMatter, document: LinedMapping) -> list[tuple[str, Source]]:
    return [
        (role, Source(text, document.file, document.text_line("examples", index, role)))
        for index, example in enumerate(front.examples)
        for role, text in (("user", example.user), ("assistant", example.assistant))
    ]


def _warn_about_unused(
    name: FileName, front: FrontMatter, document: LinedMapping, templates: Templates, includes: Mapping[str, Source],
    findings: Findings,
) -> None:  # fmt: skip
    if findings.has_errors:
        return  # what could not be read may well have used them
    for variable in front.variables:
        if variable not in templates.used_variables:
            findings.warn(name.path, document.line("variables", variable), "is never used", variable=variable)
    for key, source in includes.items():
        if key not in templates.used_includes:
            line = document.line("includes", key) if key in front.includes else source.line
            findings.warn(name.path, line, f"include '{key}' is never used")


def is_name(text: str) -> bool:
    """Whether a folder or file name can be the name of a prompt or variant."""
    return NAME.fullmatch(text) is not None
