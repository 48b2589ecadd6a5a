"""The values of a configuration file with those that it includes, and where each of them stands.

Failure behaviour: a file that cannot be read or is not YAML yields no values and one problem; what is wrong in one that
is YAML is a problem beside its values. Nothing here raises for what a file says.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from thriftgate.config.problems import KeyPath, Problem
from thriftgate.lined_yaml import read_lined
from thriftgate.wire.shapes import items, mapping


class Place(NamedTuple):
    """A line of a file; lines count from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file says, where it says it, and what is wrong with it as YAML."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    places: dict[KeyPath, Place] = field(default_factory=dict[KeyPath, Place])
    problems: list[Problem] = field(default_factory=list[Problem])

    def place(self, path: KeyPath) -> Place | None:
        """Where `path` is written; for a key that is missing, its nearest parent."""
        for length in range(len(path), 0, -1):
            if found := self.places.get(path[:length]):
                return found
        return None


def read_document(path: Path) -> Document:
    """The file's values, with the files that its `include` names merged as LiteLLM merges them.

    LiteLLM appends an included list to a list, and lets any other included value replace the one that stands
    in the including file.
    """
    document = _read_one(path, path.name)
    pending = list(_includes(document, path))
    seen = {path.resolve()}
    while pending:
        key_path, declared_in, name = pending.pop(0)
        # LiteLLM looks beside the including file first, then beside the main one.
        candidates = [declared_in.parent / name, path.parent / name]
        found = next((candidate for candidate in candidates if candidate.is_file()), None)
        if found is None:
            document.problems.append(Problem(key_path, f"there is no file '{name}' to include"))
        elif found.resolve() not in seen:
            seen.add(found.resolve())
            included = _read_one(found, os.path.relpath(found, path.parent))
            pending += _includes(included, found)
            _merge(document, included)
    document.values.pop("include", None)
    return document


def _includes(document: Document, path: Path) -> Iterator[tuple[KeyPath, Path, str]]:
    names = document.values.pop("include", None)
    if names is None:
        return
    if not isinstance(names, list):
        document.problems.append(Problem(("include",), "must be a list of file names", place=_first(document)))
        return
    for index, name in enumerate(cast("list[Any]", names)):
        if isinstance(name, str):
            yield ("include", index), path, name
        else:
            document.problems.append(Problem(("include", index), "must be the name of a file"))


def _first(document: Document) -> Place | None:
    return document.places.get(("include",))


def _merge(document: Document, included: Document) -> None:
    document.problems.extend(included.problems)
    offsets: dict[Any, int] = {}
    for key, value in included.values.items():
        mine = document.values.get(key)
        if isinstance(mine, list) and isinstance(value, list):
            offsets[key] = len(cast("list[Any]", mine))
            document.values[key] = [*mine, *value]
        else:
            document.values[key] = value
            for known in [known for known in document.places if known[:1] == (key,)]:
                del document.places[known]
    for key_path, place in included.places.items():
        if len(key_path) > 1 and key_path[0] in offsets:
            shifted = cast("int", key_path[1]) + offsets[key_path[0]]
            document.places[key_path[0], shifted, *key_path[2:]] = place
        else:
            document.places.setdefault(key_path, place)


def _read_one(path: Path, name: str) -> Document:
    document = Document()
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = bytes(error.object[: error.start]).count(b"\n") + 1
        document.problems.append(Problem((), "is not a UTF-8 text file", place=Place(name, line)))
        return document
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "not readable")
        document.problems.append(Problem((), reason, place=Place(name, 0)))
        return document
    found = read_lined(text)
    for key_path, line in found.lines.items():
        document.places[key_path] = Place(name, line)
    for mistake in found.mistakes:
        document.problems.append(Problem(mistake.path, mistake.words, place=Place(name, mistake.line)))
    if found.broken is not None:
        words = f"is not valid YAML: {found.broken.words}"
        document.problems.append(Problem((), words, place=Place(name, found.broken.line)))
    elif isinstance(found.values, dict):
        document.values.update(cast("dict[str, Any]", found.values))
    else:
        document.problems.append(Problem((), "must hold keys and values, such as `model_list:`", place=Place(name, 1)))
    return document


def value_at(values: Any, *path: str | int) -> Any:
    """The value at `path`, None where anything on the way is missing or of another shape."""
    for key in path:
        if isinstance(key, int):
            values = items(values)[key] if key < len(items(values)) else None
        else:
            values = mapping(values).get(key)
    return values
