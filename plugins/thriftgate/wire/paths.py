"""Places in a JSON value, and values with something else in such places.

A path is the keys and positions from the outside in. `INSIDE` steps into a string that is itself JSON, as the
arguments of a tool call are; the position after it counts the strings in there that are values, as they are written.
So a text inside can be changed while numbers, blanks and order around it stay exactly as they were sent.

Failure behaviour: pure. A path that leads nowhere raises LookupError or TypeError: paths come from our own views
of the same body.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, cast


class Step(Enum):
    """A step that is neither a key nor a position."""

    INSIDE = "INSIDE"


INSIDE = Step.INSIDE
Path = tuple[str | int | Step, ...]


def spelled(path: Path) -> str:
    """The path as people write it: `messages[0].content[1].text`."""
    out = ""
    for step in path:
        match step:
            case int():
                out += f"[{step}]"
            case str():
                out += f".{step}" if out else step
            case Step():
                out += "(json)"
    return out


def at(value: object, path: Path) -> Any:
    """What stands at the path."""
    here: Any = value
    for step in path:
        here = [words for _, words in _strings_in(here)] if step is INSIDE else here[step]
    return here


def replaced(value: Any, changes: Mapping[Path, Any]) -> Any:
    """The value with other content at the paths; all that is not on the way to one is shared, not copied.

    No path may lead through another. Linear in the length of the paths and the breadth of what is on the way.
    """
    if () in changes:
        return changes[()]
    if not changes:
        return value
    root = _copied(value)
    copies: dict[Path, Any] = {(): root}
    for path, content in _outside(value, changes).items():
        here = root
        for depth in range(1, len(path)):
            above, here = here, copies.get(path[:depth])
            if here is None:
                here = copies[path[:depth]] = _copied(above[path[depth - 1]])
                above[path[depth - 1]] = here
        here[path[-1]] = content
    return root


def _outside(value: Any, changes: Mapping[Path, Any]) -> dict[Path, Any]:
    """The same changes without those inside JSON texts: each such text is written anew and put in whole."""
    plain: dict[Path, Any] = {}
    inside: dict[Path, dict[Path, Any]] = {}
    for path, content in changes.items():
        if INSIDE in path:
            cut = path.index(INSIDE)
            inside.setdefault(path[:cut], {})[path[cut + 1 :]] = content
        else:
            plain[path] = content
    for path, parts in inside.items():
        plain[path] = _rewritten(at(value, path), parts)
    return plain


def _copied(value: Any) -> Any:
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else list(cast("list[Any]", value))


def removed(value: Any, paths: Iterable[Path]) -> Any:
    """The value without what stands at the paths; positions are those of the value as it was."""
    drops: dict[int, dict[Path, set[Any]]] = {}
    for path in paths:
        drops.setdefault(len(path), {}).setdefault(path[:-1], set()).add(path[-1])
    # From the inside out, so that a container is thinned before the one it stands in; one pass a depth.
    for depth in sorted(drops, reverse=True):
        thinned = {parent: _thinned(at(value, parent), gone) for parent, gone in drops[depth].items()}
        value = replaced(value, thinned)
    return value


def _thinned(container: Any, gone: set[Any]) -> Any:
    if isinstance(container, Mapping):
        return {key: item for key, item in cast("Mapping[str, Any]", container).items() if key not in gone}
    return [item for place, item in enumerate(cast("list[Any]", container)) if place not in gone]


def string_leaves(value: object, base: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every string inside the value with its path, in order; the keys of objects are not among them."""
    stack: list[tuple[Path, object]] = [(base, value)]
    while stack:
        path, here = stack.pop()
        if isinstance(here, str):
            yield path, here
        elif isinstance(here, Mapping):
            fields = cast("Mapping[str, object]", here)
            stack.extend(((*path, key), fields[key]) for key in reversed(list(fields)))
        elif isinstance(here, list | tuple):
            listed = cast("list[object]", here)
            stack.extend(((*path, place), listed[place]) for place in range(len(listed) - 1, -1, -1))


def json_leaves(written: str, base: Path) -> Iterator[tuple[Path, str]]:
    """The strings inside a JSON text that are values, unescaped; the text itself where it is not JSON."""
    try:
        json.loads(written)
    except (ValueError, RecursionError):
        yield base, written
        return
    for place, (_, words) in enumerate(_strings_in(written)):
        yield (*base, INSIDE, place), words


_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"(\s*+:)?', re.DOTALL)
"""A string of a JSON text, and the colon behind it where it is a key; cannot backtrack."""


def _strings_in(written: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Where the strings of a JSON text stand that are no keys, and what they say."""
    for found in _STRING.finditer(written):
        if found[1] is None:
            yield found.span(), json.loads(found[0], strict=False)


def _rewritten(written: str, parts: Mapping[Path, Any]) -> str:
    """The JSON text with other strings at the positions, all the rest as it was written."""
    out: list[str] = []
    last = 0
    for place, ((start, end), _) in enumerate(_strings_in(written)):
        if (place,) in parts:
            out += [written[last:start], json.dumps(parts[(place,)], ensure_ascii=False)]
            last = end
    return "".join([*out, written[last:]])
