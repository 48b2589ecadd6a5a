"""YAML that remembers its lines, so that a mistake can be shown where it stands.

A smaller language than YAML: keys are words and appear once, there are no anchors and aliases (a few of them
unfold to gigabytes), and a date stays the text that was written.

Failure behaviour: every mistake becomes a problem in the findings; a document that cannot be read is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from yaml.composer import ComposerError

from thriftgate.forms import misfit_in_words, mistakes_of
from thriftgate.prompts.problems import Findings, name_hint

Path = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """SafeLoader without aliases, and without turning `2026-07-01` into a date."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # pyright: ignore[reportUnknownVariableType]
            message = "anchors and aliases are not allowed here"
            raise ComposerError(None, None, message, mark)  # pyright: ignore[reportUnknownArgumentType]
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class LinedMapping:
    """The data of one YAML mapping, and the line of each of its parts."""

    file: str
    data: Mapping[str, Any]
    lines: Mapping[Path, int]

    def line(self, *path: str | int) -> int:
        """The line of the part at `path`, or of the nearest part around it that exists."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def text_line(self, *path: str | int) -> int:
        """The line on which the text at `path` begins: one below the key for a block (`|`, `>`)."""
        return self.lines.get((*path, "\n"), self.line(*path))


class _Builder:
    """Turns YAML nodes into plain data and notes their lines."""

    def __init__(self, loader: _Loader, file: str, offset: int, findings: Findings) -> None:
        self.lines: dict[Path, int] = {}
        self._loader = loader
        self._file = file
        self._offset = offset
        self._findings = findings

    def build(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1 + self._offset
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            self.lines[(*path, "\n")] = line + 1
        value = cast("Any", self._loader.construct_object(node))
        if isinstance(value, str) and not is_unicode(value):
            self._findings.error(self._file, line, "half a Unicode character (a lone surrogate) is not a text")
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1 + self._offset
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str) or key_node.tag != "tag:yaml.org,2002:str":
                self._findings.error(self._file, line, "a key must be a word; put it in quotes")
                continue
            if key in mapping:
                self._findings.error(self._file, line, f"'{key}' is given twice")
            self.lines[(*path, key)] = line
            mapping[key] = self.build(value_node, (*path, key))
        return mapping


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8; JSON and YAML escapes can make one that cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def read_yaml(text: str, *, file: str, findings: Findings, first_line: int = 1) -> LinedMapping | None:
    """The mapping written in `text`, whose first line is line `first_line` of `file`; None when it is broken."""
    offset = first_line - 1
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return LinedMapping(file, {}, {(): first_line})
            builder = _Builder(loader, file, offset, findings)
            data = builder.build(node, ())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = (mark.line if mark else 0) + 1 + offset
        findings.error(file, line, f"not readable as YAML: {error.problem or error.context}")
        return None
    except (yaml.YAMLError, ValueError):
        # A character YAML does not allow, or a number no computer can hold: neither knows its line.
        findings.error(
            file, first_line, "not readable as YAML: it has a character or a number that YAML does not allow"
        )
        return None
    except RecursionError:
        findings.error(file, first_line, "not readable as YAML: nested too deeply")
        return None
    if not isinstance(data, dict):
        findings.error(file, first_line, "must be `key: value` lines")
        return None
    return LinedMapping(file, data, builder.lines)  # pyright: ignore[reportUnknownArgumentType]


def validate(document: LinedMapping, model: type[Model], findings: Findings) -> Model | None:
    """The document as `model`; None, with a problem for each mistake, when it does not fit."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        for mistake in mistakes_of(error):
            path = tuple(part for part in mistake["loc"] if not str(part).startswith(("function-", "constrained-")))
            findings.error(document.file, document.line(*path), _sentence(mistake, path, model))
        return None


def _sentence(mistake: ErrorDetails, path: Path, model: type[BaseModel]) -> str:
    where = ".".join(str(part) for part in path)
    if mistake["type"] == "extra_forbidden":
        hint = name_hint(str(path[-1]), model.model_fields) if len(path) == 1 else ""
        return f"unknown key '{where}'{hint}"
    if mistake["type"] == "missing":
        return f"'{where}' is missing"
    words = misfit_in_words(mistake, model)
    return f"{where}: {words}" if where else words
