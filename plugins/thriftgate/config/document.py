"""YAML with line numbers: the values of a configuration file, and where each of them stands.

Failure behaviour: a file that cannot be read or is not YAML yields no values and one problem; a key given twice
is a problem and its last value is kept, as YAML parsers do. Nothing here raises for what a file says.
"""

import os
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml

from thriftgate.config.problems import KeyPath, Problem
from thriftgate.config.yaml_mistakes import explain
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
    except UnicodeDecodeError:
        document.problems.append(Problem((), "is not a UTF-8 text file", place=Place(name, 1)))
        return document
    except OSError as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "not readable")
        document.problems.append(Problem((), reason, place=Place(name, 0)))
        return document
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        values = _Builder(loader, document, name).build(node, ()) if node is not None else None
    except yaml.MarkedYAMLError as error:
        words, line = explain(error, text)
        document.problems.append(Problem((), f"is not valid YAML: {words}", place=Place(name, line)))
        return document
    except (yaml.YAMLError, RecursionError):
        document.problems.append(Problem((), "is not valid YAML", place=Place(name, 1)))
        return document
    finally:
        loader.dispose()
    if isinstance(values, dict):
        document.values.update(cast("dict[str, Any]", values))
    else:
        document.problems.append(Problem((), "must hold keys and values, such as `model_list:`", place=Place(name, 1)))
    return document


class _Builder:
    """Turns YAML nodes into values, noting where each stands."""

    def __init__(self, loader: yaml.SafeLoader, document: Document, file: str) -> None:
        self._loader = loader
        self._document = document
        self._file = file
        self._open: set[int] = set()

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        """The value of `node`, which stands at `path`."""
        self._document.places.setdefault(path, Place(self._file, node.start_mark.line + 1))
        if isinstance(node, yaml.ScalarNode):
            return self._loader.construct_object(node)  # pyright: ignore[reportUnknownVariableType]
        if id(node) in self._open:
            self._problem(path, "this alias contains itself", node)
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                items = cast("list[yaml.Node]", node.value)
                return [self.build(item, (*path, index)) for index, item in enumerate(items)]
            return self._mapping(cast("yaml.MappingNode", node), path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        self._refuse_duplicates(node, path)
        self._loader.flatten_mapping(node)
        values: dict[str, Any] = {}
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            key = self._key(key_node)
            if not isinstance(key, str):
                self._problem(path, f"the key {key!r} is not text: put it in quotes", key_node)
                key = str(key)
            self._document.places[(*path, key)] = Place(self._file, key_node.start_mark.line + 1)
            values[key] = self.build(value_node, (*path, key))
        return values

    def _refuse_duplicates(self, node: yaml.MappingNode, path: KeyPath) -> None:
        """Before `<<` is expanded: what a merge brings in may be overridden, what is written twice is a slip."""
        first_lines: dict[Hashable, int] = {}
        for key_node, _ in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self._key(key_node)
            if key in first_lines:
                words = f"is given twice (first in line {first_lines[key]}); the first is lost"
                self._problem((*path, str(key)), words, key_node)
            first_lines.setdefault(key, key_node.start_mark.line + 1)

    def _key(self, node: yaml.Node) -> Hashable:
        if isinstance(node, yaml.ScalarNode):
            return cast("Hashable", self._loader.construct_object(node))
        return "a list or a section"

    def _problem(self, path: KeyPath, message: str, node: yaml.Node) -> None:
        place = Place(self._file, node.start_mark.line + 1)
        self._document.problems.append(Problem(path, message, place=place))


def value_at(values: Any, *path: str | int) -> Any:
    """The value at `path`, None where anything on the way is missing or of another shape."""
    for key in path:
        if isinstance(key, int):
            values = items(values)[key] if key < len(items(values)) else None
        else:
            values = mapping(values).get(key)
    return values
