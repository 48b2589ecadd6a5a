"""What the documents show works: code compiles, commands and targets exist, configurations load."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import yaml

from thriftgate import errors
from thriftgate.cli import COMMANDS, load_main_command
from thriftgate.config import from_section
from thriftgate.config.document import value_at

REPO = Path(__file__).parent.parent.parent
DOCUMENTS = [
    path
    for path in sorted([*REPO.glob("*.md"), *REPO.glob("docs/**/*.md"), *REPO.glob("evals/**/*.md")])
    if path.name != "cli.md"
]


class Block(NamedTuple):
    file: str
    line: int
    language: str
    text: str


def blocks() -> Iterator[Block]:
    fence = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for match in fence.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield Block(str(path.relative_to(REPO)), line, match[1], match[2])


BLOCKS = list(blocks())


def of(*languages: str) -> pytest.MarkDecorator:
    found = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", found, ids=[f"{block.file}:{block.line}" for block in found])


@of("python", "py")
def test_python_in_documents_compiles(block: Block) -> None:
    compile(block.text, f"{block.file}:{block.line}", "exec")


@of("yaml", "yml")
def test_yaml_in_documents_is_yaml_and_our_sections_are_valid(block: Block) -> None:
    section = value_at(yaml.safe_load(block.text), "callback_settings", "thriftgate")
    if section is not None and "…" not in block.text:
        from_section(section)


@of("bash", "sh", "shell", "console")
def test_shell_in_documents_is_shell_and_names_real_commands(block: Block) -> None:
    text = re.sub(r"^\$ ", "", block.text, flags=re.MULTILINE)
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for line in text.splitlines():
        assert_real(line)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_the_running_text_exist(path: Path) -> None:
    for code in re.findall(r"`((?:thriftgate|make) [^`\n]+)`", path.read_text(encoding="utf-8")):
        assert_real(code)


def assert_real(line: str) -> None:
    """A line that runs `thriftgate …` or `make …` names a command, its options and a target that exist."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a line of something that goes on in the next
        return
    for index, word in enumerate(words):
        if (
            word.rpartition("/")[2] == "thriftgate"
            and index + 1 < len(words)
            and re.fullmatch(r"[a-z]+", words[index + 1])
        ):
            assert_command(words[index + 1 :])
        if word == "make" and index + 1 < len(words) and re.fullmatch(r"[a-z]+", words[index + 1]):
            assert words[index + 1] in targets(), f"no target {words[index + 1]}: {line}"


def assert_command(words: list[str]) -> None:
    assert words[0] in COMMANDS, f"no command {words[0]}"
    command = load_main_command(words[0])
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        found = command.get_command(click.Context(command), rest[0])
        if found is None:
            break
        command, rest = found, rest[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        if word in {"|", "&&", ";", ">", "&"}:
            break
        if re.match(r"--[a-z]", word) and word != "--help":
            assert word.split("=")[0] in known, f"thriftgate {' '.join(words)}: no option {word}"


def targets() -> dict[str, str]:
    """The Makefile's targets that a person calls, with their help."""
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z]+):.*?(?:## (.*))?$", makefile, re.MULTILINE))


def test_every_target_of_the_makefile_has_its_help() -> None:
    assert {"help", "run", "test", "check", "eval", "bench", "docs", "secrets", "clean"} <= set(targets())
    assert all(targets().values()), [name for name, words in targets().items() if not words]
    phony = re.search(r"^\.PHONY: (.*)$", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == set(targets())


def test_make_without_a_target_shows_the_help() -> None:
    done = subprocess.run(["make", "-s", "-C", str(REPO)], capture_output=True, text=True, check=True)
    assert all(re.search(rf"\b{name}\b", done.stdout) for name in targets())


def test_the_tree_of_errors_is_the_one_that_exists() -> None:
    """The docstring of errors.py draws every class under its parent, with the status that it has."""
    drawn: dict[str, tuple[str | None, int | None]] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^ {4}([│├└─ ]*)(\w+Error)\b\s*(\d{3})?", line)
        if match:
            depth = len(match[1])
            stack = [entry for entry in stack if entry[0] < depth]
            drawn[match[2]] = (stack[-1][1] if stack else None, int(match[3]) if match[3] else None)
            stack.append((depth, match[2]))
    defined = {
        name: item
        for name, item in vars(errors).items()
        if isinstance(item, type) and issubclass(item, errors.GatewayError)
    }
    assert set(drawn) == set(defined)
    for name, (parent, status) in drawn.items():
        assert parent is None or defined[name].__bases__[0].__name__ == parent, name
        assert status is None or defined[name].status_code == status, name


def test_every_error_says_in_its_docstring_when_it_is_raised() -> None:
    for name, item in vars(errors).items():
        if isinstance(item, type) and issubclass(item, Exception):
            assert item.__doc__, name
            assert len(item.__doc__.splitlines()[0]) > 20, name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO)))
def test_links_inside_the_repository_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target).exists(), target


def test_short_documents_stay_short() -> None:
    assert len((REPO / "AGENTS.md").read_text(encoding="utf-8").splitlines()) < 60
    for decision in (REPO / "docs" / "decisions").glob("*.md"):
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+", decision.stem), decision.name
        assert len(decision.read_text(encoding="utf-8").splitlines()) <= 60, decision.name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO)))
def test_every_module_that_a_document_names_is_there(path: Path) -> None:
    """A decision tells of its day, and the changelog of each release; everything else of today."""
    if path.parent.name == "decisions" or path.name == "CHANGELOG.md":
        return
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_0-9]+\.py)`", path.read_text(encoding="utf-8")))
    roots = (REPO, REPO / "plugins/thriftgate", REPO / "evals", path.parent)
    assert [name for name in sorted(named) if not any((root / name).is_file() for root in roots)] == []


def test_every_file_that_the_architecture_names_is_there() -> None:
    named = re.findall(r"`(plugins/[\w./]+)`", (REPO / "docs" / "architecture.md").read_text(encoding="utf-8"))
    assert len(named) > 10
    assert [name for name in named if not (REPO / name).exists()] == []
