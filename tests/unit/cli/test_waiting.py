"""A command that takes its time says what it does; a quick one, and one in a pipe, say nothing."""

import io
import re
import threading
from pathlib import Path

import pytest

import thriftgate.cli
from thriftgate.cli import waiting as module
from thriftgate.cli.waiting import PATIENCE, begin, waiting


class Terminal(io.StringIO):
    """Remembers what was shown, and tells when something was."""

    def __init__(self) -> None:
        super().__init__()
        self.was_written = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if "reading" in text:
            self.was_written.set()
        return super().write(text)


@pytest.fixture(autouse=True)
def terminal_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_who_waits_is_told_for_what() -> None:
    shown = Terminal()
    with waiting("reading the ledger …", patience=0, file=shown):
        assert shown.was_written.wait(30)


def test_what_a_command_took_before_its_own_first_line_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Terminal()
    monkeypatch.setattr(module, "_begun", [])
    begin()
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    with waiting("reading the ledger …", file=shown):
        assert shown.was_written.wait(30)
    monkeypatch.setattr(module, "PATIENCE", PATIENCE + 60)
    begin()
    quick = Terminal()
    with waiting("reading the ledger …", file=quick):
        pass
    assert quick.getvalue() == ""


def test_a_quick_command_says_nothing() -> None:
    shown = Terminal()
    with waiting("reading the ledger …", patience=60, file=shown):
        pass
    assert shown.getvalue() == ""


def test_without_a_terminal_nothing_is_shown_and_an_error_passes() -> None:
    shown = io.StringIO()
    with pytest.raises(ValueError, match="broken"), waiting("reading …", patience=0, file=shown):
        raise ValueError("broken")
    assert shown.getvalue() == ""


QUICK = {
    "prompts.diff", "prompts.history", "prompts.lint", "prompts.new", "prompts.promote", "prompts.render",
    "prompts.rollback", "prompts.show",
}  # fmt: skip
"""They read and write a few files of one prompt."""


def test_every_command_that_may_take_its_time_gives_a_sign_of_life() -> None:
    folder = Path(thriftgate.cli.__file__).parent
    files = [file for file in folder.glob("*/[!_]*.py") if "@click.command(" in file.read_text()]
    signs = re.compile(r"\b(waiting|unless_seen|open_keys|Progress|\.status)\(|_status\.")
    silent = {f"{file.parent.name}.{file.stem}" for file in files if not signs.search(file.read_text())}
    assert len(files) > 35
    assert silent == QUICK
