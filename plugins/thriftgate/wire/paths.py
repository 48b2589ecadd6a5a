"""Places in a JSON value, and values with something else in such places.

A path is the keys and positions from the outside in. `INSIDE` steps into a string that is itself JSON, as the
arguments of a tool call are.

Failure behaviour: pure. A path that leads nowhere raises LookupError or TypeError: paths come from our own views
of the same body.
"""

import json
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
        here = json.loads(here) if step is INSIDE else here[step]
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
        plain[path] = json.dumps(replaced(json.loads(at(value, path)), parts), ensure_ascii=False)
    return plain


def _copied(value: Any) -> Any:
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else list(cast("list[Any]", value))


def removed(value: Any, paths: Iterable[Path]) -> Any:
    """The value without what stands at the paths; positions are those of the value as it was."""
    drops: dict[Path, set[Any]] = {}
    for path in paths:
        drops.setdefault(path[:-1], set()).add(path[-1])
    # From the inside out, so that a container is thinned before it is put into one that is thinned itself.
    for parent in sorted(drops, key=len, reverse=True):
        gone = drops[parent]
        container = at(value, parent)
        if isinstance(container, Mapping):
            kept: Any = {k: v for k, v in cast("Mapping[str, Any]", container).items() if k not in gone}
        else:
            kept = [item for place, item in enumerate(cast("list[Any]", container)) if place not in gone]
        value = replaced(value, {parent: kept})
    return value


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
    """The strings inside a JSON text; the text itself where it is not JSON."""
    try:
        parsed: object = json.loads(written)
    except (ValueError, RecursionError):
        yield base, written
        return
    yield from string_leaves(parsed, (*base, INSIDE))
