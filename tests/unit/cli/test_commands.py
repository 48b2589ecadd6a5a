"""The command line as a shell sees it: exit codes, what goes where, and that it answers at once."""

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from thriftgate import __main__ as entry
from thriftgate.__main__ import main
from thriftgate.cli import COMMANDS, MODULES, LazyGroup, load_main_command, main_group
from thriftgate.errors import ConfigurationError, StoreUnavailableError

REPO = Path(__file__).parent.parent.parent.parent
CONFIGS = Path(__file__).parent.parent.parent / "config"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPO / "plugins")}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_its_help_line_is_its_own(name: str) -> None:
    command = load_main_command(name)
    assert command.help is not None
    first_sentence = " ".join(command.help.split("\n\n", maxsplit=1)[0].split())
    assert first_sentence == COMMANDS[name]


def test_every_module_that_exports_a_command_is_listed() -> None:
    folder = REPO / "plugins/thriftgate/cli"
    exporting = {
        path.relative_to(folder).with_suffix("").parts for path in folder.rglob("*.py") if defines_command(path)
    }
    exporting = {tuple(part for part in parts if part != "__init__") for parts in exporting}
    by_name = {MODULES.get(name, name) for name in COMMANDS}
    assert {".".join(parts) for parts in exporting if ".".join(parts) in by_name} == by_name
    for parts in (parts for parts in exporting if ".".join(parts) not in by_name):
        group = load_main_command(parts[0])
        assert isinstance(group, click.Group)
        assert parts[1] in group.list_commands(click.Context(group))


def defines_command(path: Path) -> bool:
    module = ast.parse(path.read_text(encoding="utf-8"))
    return any(getattr(statement, "name", None) == "command" for statement in module.body)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in COMMANDS)


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys; from thriftgate.__main__ import main; main(['--help']); "
        "heavy = {'litellm', 'numpy', 'asyncpg', 'pydantic', 'rich'} & set(sys.modules); "
        "commands = {name for name in sys.modules if name.startswith('thriftgate.cli.')}; "
        "commands -= {'thriftgate.cli.lazy_group', 'thriftgate.cli.waiting'}; "
        "assert not heavy and not commands, (heavy, commands)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr


def test_check_imports_neither_litellm_nor_numpy() -> None:
    file = str(CONFIGS / "good" / "support.yaml")
    code = (
        f"import sys; from thriftgate.__main__ import main; main(['check', {file!r}]); "
        "assert not {'litellm', 'numpy', 'asyncpg'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr


def test_version_names_what_a_bug_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("thriftgate 0.")
    assert "litellm 1." in printed
    assert f"Python 3.{sys.version_info.minor}" in printed


def test_a_misspelt_command_is_met_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chek"]) == 2
    assert "no such command 'chek' (did you mean 'check'?)" in capsys.readouterr().err


def test_check_says_ok_and_shows_the_routes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_keys(monkeypatch)
    assert main(["check", str(CONFIGS / "good" / "support.yaml")]) == 0
    printed = capsys.readouterr().out
    assert "support.yaml has no mistakes" in printed
    assert "small ($1.00/$5.00)" in printed
    assert "max_error 0.01, ttl 1h" in printed


def test_check_lists_every_mistake_on_stderr_and_exits_with_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_keys(monkeypatch)
    file = CONFIGS / "bad" / "many_mistakes.yaml"
    assert main(["check", str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = file.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    assert captured.err.splitlines() == [
        f"{len(lines)} problems in the configuration",
        *(f"  {line}" for line in lines),
    ]


def test_without_any_key_the_demo_provider_plays_as_it_would_for_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    assert main(["check", str(CONFIGS / "good" / "support.yaml")]) == 0
    said = capsys.readouterr().out
    assert "demo" in said
    assert "warning" not in said
    # At the prices that the demo's bill and `cascade calibrate` go by, not those of models that nobody asks.
    assert "small ($0.25/$1.25)" in said
    assert "more than 5% of cheap answers" in said
    assert main(["check", "--no-demo", str(CONFIGS / "good" / "support.yaml")]) == 2


def test_what_is_shipped_has_nothing_to_say_about_in_a_fresh_clone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_keys(monkeypatch)
    monkeypatch.delenv("LITELLM_MASTER_KEY", raising=False)
    assert main(["check", str(CONFIGS.parent.parent / "litellm_config.yaml")]) == 0
    assert "warning" not in capsys.readouterr().out


@pytest.mark.parametrize(("name", "code"), [("good/support", 0), ("bad/many_mistakes", 2)])
def test_check_prints_json_for_machines(
    name: str, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_keys(monkeypatch)
    assert main(["check", "--json", str(CONFIGS / f"{name}.yaml")]) == code
    said = json.loads(capsys.readouterr().out)
    assert bool(said["problems"]) == (code == 2)
    if code == 0:
        assert said["routes"]["support"]["tiers"] == ["small", "large"]


def set_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-key")
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-not-a-key-but-long-enough")


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (ConfigurationError(["a.yaml:1: first: is wrong", "a.yaml:2: second: too"]), 2, "2 problems"),
        (StoreUnavailableError("the database did not answer"), 1, "Error: the database did not answer"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (click.UsageError("no"), 2, "no"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_way_to_end_has_its_exit_code(
    raised: BaseException,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    group = click.Group()

    @group.command("fail")
    def fail() -> None:  # pyright: ignore[reportUnusedFunction]
        raise raised

    monkeypatch.setattr(entry, "main_group", group)
    assert main(["fail"]) == code
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def test_an_unforeseen_exception_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    group = click.Group()

    @group.command("fail")
    def fail() -> None:  # pyright: ignore[reportUnusedFunction]
        raise ZeroDivisionError

    monkeypatch.setattr(entry, "main_group", group)
    with pytest.raises(ZeroDivisionError):
        main(["fail"])


def test_a_reader_that_leaves_early_causes_no_traceback() -> None:
    shell = f"{sys.executable} -m thriftgate --help | head -n 1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout.startswith("Usage: thriftgate")
    assert done.stderr == ""


def test_ctrl_c_ends_a_running_command_with_130() -> None:
    code = (
        "import signal, sys, click; from thriftgate import __main__ as entry\n"
        "group = click.Group()\n"
        "@group.command('wait')\n"
        "def wait():\n"
        "    print('waiting', flush=True); signal.pause()\n"
        "entry.main_group = group\n"
        "sys.exit(entry.main(['wait']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error.strip() == "interrupted"


def test_a_module_without_a_command_is_our_mistake_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "__init__", "Nothing.")
    with pytest.raises(AttributeError):
        load_main_command("__init__")


def test_the_group_knows_no_other_command() -> None:
    assert isinstance(main_group, LazyGroup)
    assert main_group.get_command(click.Context(main_group), "rm") is None
