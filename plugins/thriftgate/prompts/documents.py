"""The YAML of prompts as models, with every mistake shown at the line where it stands.

Failure behaviour: every mistake becomes a problem in the findings; a document that cannot be read is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from thriftgate.forms import misfit_in_words, mistakes_of
from thriftgate.lined_yaml import Path, read_lined
from thriftgate.prompts.problems import Findings, name_hint

Model = TypeVar("Model", bound=BaseModel)


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


def read_yaml(text: str, *, file: str, findings: Findings, first_line: int = 1) -> LinedMapping | None:
    """The mapping written in `text`, whose first line is line `first_line` of `file`; None when it is broken."""
    found = read_lined(text, is_plain=True, first_line=first_line)
    for mistake in found.mistakes:
        findings.error(file, mistake.line, f"'{mistake.key}' {mistake.words}" if mistake.key else mistake.words)
    if found.broken is not None:
        findings.error(file, found.broken.line, f"not readable as YAML: {found.broken.words}")
        return None
    values: Any = {} if found.values is None else found.values
    if not isinstance(values, dict):
        findings.error(file, first_line, "must be `key: value` lines")
        return None
    return LinedMapping(file, cast("dict[str, Any]", values), found.lines)


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
