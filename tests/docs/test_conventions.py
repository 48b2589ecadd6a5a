"""The rules of the house, as far as a program can see them. Each says why in its failure."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).parent.parent.parent
PACKAGE = REPO / "plugins" / "thriftgate"


def tracked(*suffixes: str) -> list[Path]:
    """Every file that is, or will be, in the repository."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        check=True,
    )
    paths = [REPO / name for name in listing.stdout.decode().split("\0") if name.endswith(suffixes)]
    return [path for path in paths if path.is_file()]


SOURCES = tracked(".py")
MODULES = [path for path in SOURCES if PACKAGE in path.parents]
TESTS = [path for path in SOURCES if REPO / "tests" in path.parents]


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(REPO)) for path in paths]


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, also inside functions."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def sleeps(path: Path) -> bool:
    """Whether a file calls `time.sleep`. To parse one takes longer than to see that the word is not in it."""
    text = path.read_text(encoding="utf-8")
    return "sleep" in text and any(
        ast.unparse(node.func) == "time.sleep" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)
    )


def floor(path: Path) -> str:
    """The folder under the package; a module at its top is its own."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_the_rules_look_at_all_of_the_code() -> None:
    assert len(MODULES) > 40
    assert len(TESTS) > 10


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    long = {
        name: len(path.read_text(encoding="utf-8").splitlines())
        for name, path in zip(names(SOURCES), SOURCES, strict=True)
    }
    limits = {name: MOST_LINES.get(name, 400) for name in long}
    assert not {name: lines for name, lines in long.items() if lines >= limits[name]}


MOST_LINES = {
    "plugins/thriftgate/types.py": 450,
}
"""The exception: the values between the floors, on one page."""


ONE_INTERFACE = {
    "command": "every command of the CLI, looked up by this name",
    "measure": "every signal, and how the page shows a measured share",
    "main": "an entry point",
    "render": "text out of a template, in each room that has templates",
    "replay": "a whole answer as events, a dialect each, and their common door",
    "lost": "what a dialect cannot carry, a dialect each",
    "attachment_of": "a dialect each",
    "parts_of": "a dialect each",
    "texts_of": "a dialect each",
    "echoed": "the dialects' common door, and the one dialect that echoes",
    "objection": "what a signal holds against an answer",
}
"""Functions that may share a name, because they are one thing in several rooms, found by their module."""


def test_a_public_name_stands_for_one_thing() -> None:
    found: dict[str, set[str]] = {}
    for name, path in zip(names(MODULES), MODULES, strict=True):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                found.setdefault(node.name, set()).add(name)
    twice = {name: sorted(places) for name, places in found.items() if len(places) > 1}
    assert not {name: places for name, places in twice.items() if name not in ONE_INTERFACE}
    assert not ONE_INTERFACE.keys() - twice.keys(), "these occur once by now: take them off the list"


def test_a_commands_file_stands_beside_its_group_and_what_commands_share_stands_in_parts() -> None:
    groups = [path for path in MODULES if floor(path) == "cli" and len(path.relative_to(PACKAGE).parts) == 3]
    commands = [path for path in groups if path.stem != "__init__"]
    others = [
        path
        for path in commands
        if not re.search(r"^(def command\(|command = )", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(commands) > 30
    assert not others, names(others)


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc", "base_manager"}
    assert not [name for name, path in zip(names(SOURCES), SOURCES, strict=True) if path.stem in vague]


def test_only_the_proxy_imports_litellm() -> None:
    users = [path for path in MODULES if any(name.split(".")[0] == "litellm" for name in imports(path))]
    assert {floor(path) for path in users} <= {"proxy"}, names(users)


def test_what_the_package_imports_is_declared_as_its_dependency() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["png"]]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    ours = {"thriftgate", *sys.stdlib_module_names}
    imported = {root for path in MODULES for root in roots(path)} - ours
    homes = packages_distributions()
    missing = [
        root
        for root in sorted(imported)
        if not declared & {canonicalize_name(name) for name in homes.get(root, [root])}
    ]
    assert not missing, "it may be gone with the next release of the package that brings it along"


def test_composition_asks_no_port_what_it_is_made_of() -> None:
    asking: list[str] = []
    for path in (one for one in MODULES if "compose" in one.parts):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        ours = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("thriftgate")
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"isinstance", "cast", "type"}:
                words = set(re.findall(r"\w+", " ".join(map(ast.unparse, node.args))))
                asking += [f"{path.name}:{node.lineno}"] * bool(words & ours)
    assert not asking, "what composition needs to know is a method of the port"


def test_nobody_asks_a_port_what_it_is_made_of() -> None:
    kinds = {
        node.name
        for path in MODULES
        if floor(path) in {"ports", "stores"}
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.endswith("Error")
    }
    asking: list[str] = []
    for path in (one for one in MODULES if floor(one) != "stores"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if re.search("isinstance|issubclass", text) else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"isinstance", "issubclass"}:
                words = set(re.findall(r"\w+", ast.unparse(node.args[1])))
                asking += [f"{path.name}:{node.lineno}"] * bool(words & kinds)
    assert len(kinds) > 40
    assert not asking, "what somebody needs to know is a method of the port"


IMPURE = {
    "asyncio", "asyncpg", "http", "httpx", "logging", "os", "random", "redis", "requests", "socket", "subprocess",
    "threading", "time", "urllib",
}  # fmt: skip


def test_the_pure_floors_import_neither_clock_nor_chance_nor_world() -> None:
    pure = [path for path in MODULES if floor(path) in {"cascade", "caching", "wire", "stats", "types", "errors"}]
    impure = {str(path.relative_to(REPO)): found for path in pure if (found := IMPURE & roots(path))}
    assert not impure, "pass the clock, the randomness and the data in"


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


SLEEPERS = {"plugins/thriftgate/stores/embedded/database.py", "plugins/thriftgate/stores/embedded/process.py"}
"""They wait for another process, in a thread of their own, and have nothing else to wait with. So may commands."""


def test_nothing_sleeps_while_a_request_waits() -> None:
    sleeping = {str(path.relative_to(REPO)) for path in MODULES if sleeps(path)}
    assert {name for name in sleeping if not name.startswith("plugins/thriftgate/cli/")} <= SLEEPERS


def test_no_test_sleeps() -> None:
    sleeping = [path for path in TESTS if path.stem.startswith("test_") and sleeps(path)]
    assert not sleeping, names(sleeping)


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring or not text.strip(), "a module begins with a sentence that a user would say"


def test_every_module_at_the_edge_says_how_it_fails() -> None:
    edge = [path for path in MODULES if floor(path) in {"stores", "services", "proxy"}]
    silent = [
        path
        for path in edge
        if any(isinstance(node, ast.Raise | ast.Try) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        and "Failure behaviour:" not in (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
    ]
    assert not silent, names(silent)


def test_no_blanket_is_thrown_over_the_type_checker() -> None:
    blanket = re.compile(r"#\s*(?:type:\s*ignore|pyright:\s*(?:basic|strict=false|ignore(?!\[)))|#\s*noqa(?!:)")
    covered = [path for path in SOURCES if blanket.search(path.read_text(encoding="utf-8"))]
    assert not [path for path in covered if path != Path(__file__)], names(covered)


def test_a_test_is_a_sentence() -> None:
    short: list[str] = []
    for path in TESTS:
        named = re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        short += [f"{path.relative_to(REPO)}: {name}" for name in named if name.count("_") < 3]
    assert not short


def test_no_file_names_the_host_of_a_package_registry() -> None:
    hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
    text_files = tracked(".py", ".md", ".toml", ".yaml", ".yml", ".sh", "Makefile", "Dockerfile", ".ci/run")
    naming = [path for path in text_files if any(host.encode() in path.read_bytes() for host in hosts)]
    assert not naming, names(naming)


def test_scripts_for_the_shell_stop_at_the_first_mistake() -> None:
    scripts = tracked(".sh", ".ci/run")
    assert scripts
    for path in scripts:
        done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert re.search(r"^set -e?uo? pipefail|^set -uo pipefail", path.read_text(encoding="utf-8"), re.MULTILINE), (
            path
        )
