"""`thriftgate prompts`, as a shell sees it."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from thriftgate.cli.prompts import COMMANDS, command
from thriftgate.errors import GatewayError

SHIPPED = Path(__file__).parents[4] / "prompts"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return shutil.copytree(SHIPPED, tmp_path / "prompts")


def run(directory: Path, *arguments: str, ok: bool = True) -> Result:
    result = CliRunner().invoke(command, ["--prompts-dir", str(directory), *arguments])
    assert result.exception is None or isinstance(result.exception, (SystemExit, GatewayError)), result.exc_info
    assert (result.exit_code == 0) == ok, result.output
    return result


def test_help_lists_every_command_and_each_has_its_own_help(directory: Path) -> None:
    output = run(directory, "--help").output

    for name in COMMANDS:
        assert f"  {name} " in output
        assert "Usage:" in run(directory, name, "--help").output


def test_lint_passes_what_is_shipped(directory: Path) -> None:
    assert run(directory, "lint").output == "ok  1 prompt without mistakes\n"
    assert json.loads(run(directory, "lint", "support", "--json").output) == []


def test_lint_fails_for_an_error_and_only_when_strict_for_a_warning(directory: Path) -> None:
    (directory / "support" / "warm.md").write_text("Hello\u200b")
    result = run(directory, "lint")
    assert "warning support/warm.md:1: has an invisible character: ZERO WIDTH SPACE" in result.output
    run(directory, "lint", "--strict", ok=False)

    (directory / "support" / "warm.md").write_text("Hello {{ nmae }}")
    result = run(directory, "lint", ok=False)
    assert "error support/warm.md:1: variable 'nmae': is not declared under `variables`" in result.output
    assert json.loads(run(directory, "lint", "--json", ok=False).stdout)[0]["variable"] == "nmae"


def test_show_tells_what_is_served_and_what_it_says(directory: Path) -> None:
    assert "control (" in run(directory, "show").output
    assert "candidate" in run(directory, "show", "support").output
    text = run(directory, "show", "support", "concise").output
    assert "three short" in text
    assert "company: string, default 'Brindlebox'; Who the desk works for." in text
    assert "the conversation" in text
    assert json.loads(run(directory, "show", "--json").output)[0]["labels"]["production"] == "control"
    assert json.loads(run(directory, "show", "support", "production", "--json").output)["name"] == "control"


def test_render_puts_values_in(directory: Path, tmp_path: Path) -> None:
    values = tmp_path / "values.json"
    values.write_text('{"company": "ACME"}')
    result = run(directory, "render", "support", "--var", "customer_name=Ada", "--vars-file", str(values), "--json")
    rendered = json.loads(result.output)

    assert rendered["messages"][0]["content"].startswith("You work at the support desk of ACME")
    assert '"Ada"' in rendered["messages"][0]["content"]
    assert rendered["params"] == {"temperature": 0.2, "max_tokens": 500}
    assert "temperature = 0.2" in run(directory, "render", "support", "concise").output


def test_render_refuses_unfit_values(directory: Path) -> None:
    result = run(directory, "render", "support", "--var", "language=Klingon", ok=False)
    assert "variable 'language' must be one of 'English', 'German'" in str(result.exception)
    assert "is not NAME=VALUE" in run(directory, "render", "support", "--var", "x", ok=False).output


def test_render_deals_a_unit_as_the_running_experiment_would(directory: Path) -> None:
    settings = directory / "support" / "prompt.yaml"
    settings.write_text(settings.read_text() + "experiments:\n  short: {variants: {control: 0, concise: 1}}\n")
    result = run(directory, "render", "support", "--unit", "ada")

    assert "experiment short: concise" in result.output
    assert "support/concise (" in result.output


def test_promote_and_rollback_change_what_is_served_and_keep_the_history(directory: Path) -> None:
    before = (directory / "support" / "prompt.yaml").read_text()
    dry = run(directory, "promote", "support", "concise", "--dry-run").output
    assert "dry run: froze concise.md as concise@1" in dry
    assert "dry run: production: control -> concise@1" in dry
    assert not (directory / "support" / "versions").exists()

    run(directory, "promote", "support", "concise", "--note", "shorter wins")
    assert (directory / "support" / "prompt.yaml").read_text() == before.replace(
        "production: control", "production: concise@1"
    )
    assert "concise@1" in run(directory, "show", "support").output
    assert "production: control@1 -> concise@1" in run(directory, "history", "support").output
    assert "shorter wins" in run(directory, "history", "support").output
    run(directory, "lint", "--strict")

    run(directory, "rollback", "support")
    assert "production: control@1" in (directory / "support" / "prompt.yaml").read_text()
    assert [event["action"] for event in json.loads(run(directory, "history", "support", "--json").output)] == [
        "freeze", "freeze", "promote", "rollback",
    ]  # fmt: skip
    assert "already serves" in str(run(directory, "promote", "support", "control", ok=False).exception)


def test_diff_compares_versions_and_by_default_the_file_with_what_is_served(directory: Path) -> None:
    assert "say the same" in run(directory, "diff", "support").output
    output = run(directory, "diff", "support", "control", "concise", ok=False).output
    assert "-  max_tokens: 500" in output
    assert "+  max_tokens: 200" in output


def test_new_begins_prompts_and_variants_that_pass_lint(directory: Path) -> None:
    run(directory, "new", "sales")
    run(directory, "new", "support", "warm", "--from", "concise")
    run(directory, "lint", "--strict")

    assert "say the same" in run(directory, "diff", "support", "concise", "warm").output
    assert "File exists" in str(run(directory, "new", "support", "warm", ok=False).exception)
    assert "not a prompt's name" in run(directory, "new", "../x", ok=False).output


def test_a_prompt_that_is_not_there_is_met_with_a_suggestion(directory: Path) -> None:
    assert "there is no prompt 'suport'" in run(directory, "show", "suport", ok=False).output
    assert "did you mean 'support'?" in run(directory, "show", "suport", ok=False).output
    assert "has no 'contrl'; did you mean 'control'?" in run(directory, "show", "support", "contrl", ok=False).output


def test_a_broken_prompt_is_explained_by_every_command(directory: Path) -> None:
    (directory / "support" / "control.md").write_text("{{ nmae }}")

    for name in ("show", "history", "rollback"):
        output = run(directory, name, "support", ok=False).output
        assert "support/control.md:1: variable 'nmae'" in output
