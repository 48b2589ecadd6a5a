"""Draws the package from its imports: floors, rooms and who uses whom, for docs/architecture.md.

Read from the files with `ast`, nothing is imported; the floors are the layers that import-linter holds the code to.
"""

import ast
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "plugins" / "thriftgate"
HALLS = ("cli", "proxy", "services", "stores")
"""Rooms whose own folders are shown as rooms too."""
_SENTENCE_ENDS = (". ", ".\n", ": pure", "\n\n")


def floors() -> list[list[str]]:
    """The rooms of each floor, the highest first, as pyproject.toml orders them."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: Sequence[Mapping[str, object]] = config["tool"]["importlinter"]["contracts"]
    layers = next(cast("list[str]", contract["layers"]) for contract in contracts if contract.get("type") == "layers")
    return [[room.strip().removeprefix("thriftgate.") for room in layer.split("|")] for layer in layers]


def room_of(module: str) -> str:
    """`services.cache.service` -> `services`; "" for the package itself."""
    return module.split(".", 1)[0]


def modules() -> Iterator[tuple[str, Path]]:
    """Every module's name below the package, and its file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> Iterator[str]:
    """What a file imports of the package, without the package's name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            if name.startswith("thriftgate."):
                yield name.removeprefix("thriftgate.")


def uses() -> dict[str, set[str]]:
    """Room -> the rooms it imports."""
    found: dict[str, set[str]] = {}
    for module, path in modules():
        room = room_of(module)
        if room:
            found.setdefault(room, set()).update(room_of(name) for name in imports(path) if room_of(name) != room)
    return found


def purpose(path: Path) -> str:
    """The first sentence of a module's docstring."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return min((said.split(end, 1)[0] for end in _SENTENCE_ENDS), key=len).replace("\n", " ").rstrip(".:")


def rooms_of(hall: str) -> list[str]:
    """The folders in a hall."""
    return [path.name for path in sorted((PACKAGE / hall).iterdir()) if (path / "__init__.py").exists()]


def picture() -> str:
    """The floors as a Mermaid chart. An arrow that a longer way already says is left out."""
    used = uses()
    lines = ["```mermaid", "flowchart TD"]
    for number, rooms in enumerate(floors()):
        lines.append(f"    subgraph floor{number}[ ]")
        lines += [f'        {room}["{room}"]' for room in rooms if room != "__main__"]
        lines.append("    end")
    for room in sorted(used):
        lines += [f"    {room} --> {other}" for other in sorted(_direct(room, used)) if room != "__main__"]
    return "\n".join([*lines, "```"])


def _direct(room: str, used: Mapping[str, set[str]]) -> set[str]:
    return {
        other
        for other in used[room]
        if not any(other in _reached(via, used) for via in used[room] if via not in (other, room))
    }


def _reached(room: str, used: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [*used.get(room, ())]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting += used.get(one, ())
    return seen


def table() -> str:
    """Every room and what it is for, the ground floor first; below it the rooms of the halls."""
    lines = ["| floor | room | what it is for |", "|---|---|---|"]
    for number, rooms in enumerate(reversed(floors())):
        lines += [_row(number, room, PACKAGE / room) for room in rooms if room != "__main__"]
    lines += ["", "| hall | room | what it is for |", "|---|---|---|"]
    for hall in HALLS:
        lines += [_row(hall, room, PACKAGE / hall / room) for room in rooms_of(hall)]
    return "\n".join(lines)


def _row(place: object, room: str, path: Path) -> str:
    return f"| {place} | `{room}` | {purpose(path / '__init__.py' if path.is_dir() else path.with_suffix('.py'))} |"


def house() -> str:
    """The generated part of docs/architecture.md."""
    return f"{picture()}\n\n{table()}\n"
