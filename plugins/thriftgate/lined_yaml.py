"""YAML with line numbers: the values of a text, where each of them stands, and what is wrong with it.

A YAML parser points to where it could not go on, which is often lines after the slip: a bracket that is never closed
is noticed at the end, a missing blank after a colon in the next line. Here the slip itself is named.

Failure behaviour: nothing raises for what a text says. One that is no YAML has no values and one mistake; a mistake
there are no words for keeps the parser's own.
"""

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

Path = tuple[str | int, ...]
"""Keys and indices from the top of a document to a part of it."""

_NO_BLANK = re.compile(r"^\s*(?:- +)?(?P<key>[A-Za-z_][\w.-]*):(?P<value>[^\s/].*)$")
_SAID = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"'\\t'", "a tab stands where spaces must indent"),
        (r"but got '[{\[]'", "a comma is missing before this bracket"),
        (r"another document", "a second document begins here ('---'): a file is one"),
        (r"but found '([\]}])'", "this '%' closes nothing that was opened"),
        (r"<block end>, but found '-'", "an item of a list stands where a key belongs"),
    )
)
"""What the parser's words come to, in its own line; `%` stands for what they quote."""
_NEVER_QUOTED = re.compile(r"url|key|secret|password|token", re.IGNORECASE)
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"
_NO_TEXT: Hashable = ()
"""Stands for a key that is no scalar, or one that cannot be written as text."""
_LONGEST_NUMBER = 256
"""Bits of a number that is still written out; Python refuses to write thousands of digits."""
_NO_BLANK_SIGN = (
    "[\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]|[\u200c\u200d](?=[ -~])|(?<=[ -~])[\u200c\u200d]"
)
"""They look like blanks, or like nothing, and are none to YAML; the two joiners are part of Persian and of emoji."""
_NO_BLANKS = re.compile(_NO_BLANK_SIGN)
_NO_BLANKS_AROUND = re.compile(rf"\A(?:{_NO_BLANK_SIGN})|(?:{_NO_BLANK_SIGN})\Z")
_MOST_VALUES = 100_000
"""That aliases add to those that are written."""
_NOT_ALLOWED = "it has a character or a number that YAML does not allow"


@dataclass(frozen=True, slots=True)
class YamlMistake:
    """What is wrong at a line, in words that follow the path, or the key that they are about."""

    path: Path
    line: int
    words: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class LinedYaml:
    """What a text says, where it says it, and what is wrong with it."""

    values: Any = None
    """None for an empty text, and for one that is no YAML."""
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    """Of each part; a block (`|`, `>`) begins at the line of `(*path, "\n")`."""
    mistakes: list[YamlMistake] = field(default_factory=list[YamlMistake])
    broken: YamlMistake | None = None
    """Why the text is no YAML."""


def read_lined(text: str, *, is_plain: bool = False, first_line: int = 1) -> LinedYaml:
    """The values written in `text`; a key given twice is a mistake, and its last value is kept.

    `is_plain` asks for a smaller language: keys are words, there are no anchors and aliases (a few of them unfold to
    gigabytes), a date stays the text that was written, and half a Unicode character is a mistake. `first_line` is
    that of the text in its file.
    """
    before, line = first_line - 1, 1
    loader: yaml.SafeLoader | None = None
    try:
        loader = (_PlainLoader if is_plain else yaml.SafeLoader)(text)
        node = loader.get_single_node()
        if node is None:
            return LinedYaml(lines={(): first_line})
        builder = _Builder(loader, before, is_plain=is_plain)
        return LinedYaml(builder.build(node, ()), builder.lines, builder.mistakes)
    except ConstructorError as error:
        # A value that is not what it is said to be: the lines around it have nothing to do with it.
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        words = error.problem or _NOT_ALLOWED
    except yaml.MarkedYAMLError as error:
        words, line = _explain(error, text)
    except ReaderError as error:
        words = f"it has a character that YAML does not allow ({_named(error.character)})"
        line = text.count("\n", 0, error.position) + 1
    except (yaml.YAMLError, ValueError):
        # Neither knows its line.
        words = _NOT_ALLOWED
    except RecursionError:
        words = "nested too deeply"
    finally:
        if loader is not None:
            loader.dispose()
    return LinedYaml(broken=YamlMistake((), line + before, words))


class _PlainLoader(yaml.SafeLoader):
    """SafeLoader without aliases, and without turning `2026-07-01` into a date."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # pyright: ignore[reportUnknownVariableType]
            message = "anchors and aliases are not allowed here"
            raise ComposerError(None, None, message, mark)  # pyright: ignore[reportUnknownArgumentType]
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Builder:
    """Turns YAML nodes into values, noting where each stands."""

    def __init__(self, loader: yaml.SafeLoader, before: int, *, is_plain: bool) -> None:
        self.lines: dict[Path, int] = {}
        self.mistakes: list[YamlMistake] = []
        self._loader = loader
        self._before = before
        self._is_plain = is_plain
        self._open: set[int] = set()
        self._built: set[int] = set()
        self._unfolded = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        """The value of `node`, which stands at `path`."""
        self.lines.setdefault(path, self._line(node))
        self._unfolded += id(node) in self._built
        self._built.add(id(node))
        if self._unfolded > _MOST_VALUES:
            words = f"its aliases unfold to more than {_MOST_VALUES:,} values"
            raise ConstructorError(None, None, words, node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            self._mistake(path, "this alias contains itself", node)
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                items = cast("list[yaml.Node]", node.value)
                return [self.build(item, (*path, index)) for index, item in enumerate(items)]
            return dict(self._entries(cast("yaml.MappingNode", node), path))
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        if node.style in ("|", ">"):
            self.lines[(*path, "\n")] = self._line(node) + 1
        value = self._constructed(node)
        if self._is_plain and isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            self._mistake(path, "half a Unicode character (a lone surrogate) is not a text", node)
        return value

    def _entries(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        self._refuse_duplicates(node, path)
        if not self._is_plain:
            self._loader.flatten_mapping(node)
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            key = self._key(key_node)
            if key == _NO_TEXT:
                self._mistake(path, "a key must be text", key_node)
                continue
            if not isinstance(key, str):
                self._mistake(path, f"the key {key!r} is not text: put it in quotes", key_node)
                key = str(key)
            is_plain = isinstance(key_node, yaml.ScalarNode) and key_node.style is None
            if is_plain and (found := _NO_BLANKS_AROUND.search(key)):
                self._mistake((*path, key), _of_no_blank(found[0]), key_node, key=key)
            self.lines[(*path, key)] = self._line(key_node)
            yield key, self.build(value_node, (*path, key))

    def _refuse_duplicates(self, node: yaml.MappingNode, path: Path) -> None:
        """Before `<<` is expanded: what a merge brings in may be overridden, what is written twice is a slip."""
        first_lines: dict[Hashable, int] = {}
        for key_node, _ in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            key = self._key(key_node)
            if key == _NO_TEXT:
                continue
            if key in first_lines:
                words = f"is given twice (first in line {first_lines[key]}); the first is lost"
                self._mistake((*path, str(key)), words, key_node, key=str(key))
            first_lines.setdefault(key, self._line(key_node))

    def _key(self, node: yaml.Node) -> Hashable:
        if not isinstance(node, yaml.ScalarNode) or node.tag == _MERGE:
            return _NO_TEXT
        key = self._constructed(node)
        if not isinstance(key, Hashable) or (isinstance(key, int) and key.bit_length() > _LONGEST_NUMBER):
            return _NO_TEXT
        return key

    def _constructed(self, node: yaml.ScalarNode) -> Any:
        """What a scalar says. Of one that is not what its tag says PyYAML raises whatever its conversion happens to."""
        try:
            return cast("Any", self._loader.construct_object(node))
        except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError):
            raise ConstructorError(None, None, _NOT_ALLOWED, node.start_mark) from None

    def _line(self, node: yaml.Node) -> int:
        return node.start_mark.line + 1 + self._before

    def _mistake(self, path: Path, words: str, node: yaml.Node, *, key: str = "") -> None:
        self.mistakes.append(YamlMistake(path, self._line(node), words, key))


def _explain(error: yaml.MarkedYAMLError, text: str) -> tuple[str, int]:
    """The mistake, and its line (from 1)."""
    lines = text.splitlines()
    begun = error.context_mark.line if error.context_mark else None
    stopped = error.problem_mark.line if error.problem_mark else begun or 0
    problem = error.problem or error.context or "it cannot be read"
    for pattern, words in _SAID:
        if found := pattern.search(problem):
            return words.replace("%", found[1] if pattern.groups else ""), stopped + 1
    if begun is not None and (opened := _opened(error.context or "", problem, is_later=stopped > begun)):
        return opened, begun + 1
    for line in dict.fromkeys((begun, stopped, stopped - 1)):
        if line is not None and 0 <= line < len(lines) and (words := _of_blanks(lines[line])):
            return words, line + 1
    if "could not find expected ':'" in problem and begun is not None:
        return "a key without a colon", begun + 1
    if "mapping values are not allowed" in problem or ("<block end>" in problem and "block mapping start" in problem):
        is_pair = "mapping values" in problem
        return _unexpected_key(lines, stopped, is_pair=is_pair), stopped + 1
    return problem, stopped + 1


def _opened(context: str, problem: str, *, is_later: bool) -> str | None:
    """What is opened in the line where the parser began, and not closed."""
    ends = "end of stream" in problem or "<stream end>" in problem
    if "flow mapping" in context or "flow sequence" in context:
        bracket, closing = "{}" if "mapping" in context else "[]"
        if is_later or ends or "got ']'" in problem or "got '}'" in problem:
            return f"this '{bracket}' is never closed: its '{closing}' is missing"
    return "a quotation mark is opened here and never closed" if "quoted scalar" in context and ends else None


def _of_blanks(line: str) -> str | None:
    found = _NO_BLANKS.search(line)
    return _without_blank(line) if found is None else _of_no_blank(found[0])


def _of_no_blank(char: str) -> str:
    return f"has a blank that is none to YAML ({_named(char)}): type it anew"


def _without_blank(line: str) -> str | None:
    found = _NO_BLANK.match(line)
    if found is None or found["value"][:1] in "\"'{[":
        return None
    key, value = found["key"], found["value"].split("#")[0].strip()
    shown = "…" if _NEVER_QUOTED.search(key) else value
    return f"a blank is missing after the colon: '{key}: {shown}'"


def _unexpected_key(lines: list[str], line: int, *, is_pair: bool) -> str:
    """A key where none can be: behind another one's value (`is_pair`), or at a depth that nothing around it has."""
    here = lines[line] if line < len(lines) else ""
    before = next(
        (other for other in reversed(lines[:line]) if other.strip() and not other.lstrip().startswith("#")), ""
    )
    if _indent(here) > _indent(before):
        return "is indented more than the line before it, which has a value already"
    if is_pair:
        return "a second colon in one line: put the value in quotes"
    return "is indented less than what it belongs to and more than what is around it"


def _named(char: str | int) -> str:
    return f"U+{char if isinstance(char, int) else ord(char):04X}"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
