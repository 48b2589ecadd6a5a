"""`thriftgate cache warm|inspect|stats|export|purge` on a real PostgreSQL, as an operator runs them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from thriftgate.cli.cache import command
from thriftgate.errors import ConfigurationError

QUESTIONS = {
    "How do I get my money back?": "Write to the help desk within 30 days.",
    "Which cards do you accept?": "All common ones.",
    "Can I change my delivery address?": "Until the parcel has left.",
}


@pytest.fixture
def folder(tmp_path: Path, postgres_dsn: str, database: Any) -> Path:
    """A configuration beside its file of answers; the database is empty."""
    routes = {
        "support": {"cascade": {"tiers": [{"model": "small"}]}, "cache": {"min_similarity": 0.8, "tags": ["kb"]}},
        "plain": {"cascade": {"tiers": [{"model": "small"}]}},
    }
    config = {"callback_settings": {"thriftgate": {"database_url": postgres_dsn, "routes": routes}}}
    (tmp_path / "litellm_config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    lines = [json.dumps({"question": question, "answer": answer}) for question, answer in QUESTIONS.items()]
    (tmp_path / "answers.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


@pytest.fixture
def cache(folder: Path) -> Callable[..., Result]:
    def run(name: str, *arguments: str, words: str | None = None) -> Result:
        config = ["--config", str(folder / "litellm_config.yaml")]
        return CliRunner().invoke(command, [name, *arguments, *config], input=words)

    return run


def warm(cache: Callable[..., Result], folder: Path) -> Result:
    return cache("warm", str(folder / "answers.jsonl"), "--route", "support", "--team", "acme")


def inspected(cache: Callable[..., Result], question: str, *arguments: str) -> dict[str, Any]:
    result = cache("inspect", question, "--route", "support", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_from_warming_to_purging(cache: Callable[..., Result], folder: Path) -> None:
    assert warm(cache, folder).output.strip() == "3 answers stored, 0 refused"
    exact = inspected(cache, "Which cards do you accept?", "--team", "acme")
    assert exact["outcome"] == "exact hit"
    alike = inspected(cache, "Please, how do I get my money back?", "--team", "acme")
    assert alike["outcome"] == "semantic hit"
    assert alike["neighbours"][0]["question"] == "How do I get my money back?"
    assert inspected(cache, "Which cards do you accept?", "--team", "other")["neighbours"] == []

    figures = json.loads(cache("stats", "--json").stdout)
    assert [(one["route"], one["entries"], one["answers"], one["error"]) for one in figures] == [
        ("support", 3, 0, None)
    ]

    (figure,) = json.loads(cache("stats", "--contents", "--route", "support", "--json").stdout)
    characters = sum(len(question) + len(answer) for question, answer in QUESTIONS.items())
    assert (figure["contents"]["entries"], figure["contents"]["characters"]) == (3, characters)
    assert 0 <= figure["contents"]["newest"] <= figure["contents"]["oldest"] < 3600
    assert "3 entries with" in cache("stats", "--contents").output

    written = cache("export", "--output", str(folder / "out.jsonl"))
    assert "3 answers written" in written.output
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["question"]: row["answer"]["content"] for row in rows} == QUESTIONS

    assert "3 answers would be forgotten" in cache("purge", "--tag", "kb", "--dry-run").output
    assert "1 answer forgotten" in cache("purge", "--entry", exact["entry"], "--yes").output
    assert "2 answers forgotten" in cache("purge", "--route", "support", words="y\n").output
    assert inspected(cache, "Which cards do you accept?", "--team", "acme")["outcome"] == "miss"

    taken_back = cache("warm", str(folder / "out.jsonl"), "--route", "support")
    assert "3 answers stored" in taken_back.output
    assert inspected(cache, "Which cards do you accept?", "--team", "acme")["outcome"] == "exact hit"


def test_bad_lines_are_named_and_nothing_is_stored(cache: Callable[..., Result], folder: Path) -> None:
    path = folder / "answers.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + '\n{"question": "x"}\n', encoding="utf-8")
    result = warm(cache, folder)
    assert result.exit_code == 2
    assert "answers.jsonl, line 4: needs `answer`" in result.output
    assert json.loads(cache("stats", "--json").stdout)[0]["entries"] == 0
    forced = cache("warm", str(path), "--route", "support", "--team", "acme", "--skip-bad-lines")
    assert "3 answers stored" in forced.output


def test_a_purge_wants_a_condition_and_a_yes(cache: Callable[..., Result], folder: Path) -> None:
    warm(cache, folder)
    assert "say what to forget" in cache("purge").output
    assert cache("purge", "--everything", words="n\n").exit_code == 1
    assert json.loads(cache("stats", "--json").stdout)[0]["entries"] == 3


@pytest.mark.parametrize(("route", "hint"), [("suport", "did you mean 'support'?"), ("plain", "there are: support")])
def test_a_route_without_a_cache_is_said(cache: Callable[..., Result], route: str, hint: str) -> None:
    result = cache("inspect", "hello", "--route", route)
    assert result.exit_code == 2
    assert hint in result.output


def test_the_tables_can_be_read_by_a_person(cache: Callable[..., Result], folder: Path) -> None:
    warm(cache, folder)
    assert "support: a fixed threshold, which promises nothing" in cache("stats").output
    printed = cache("inspect", "Which cards do you accept?", "--route", "support", "--team", "acme").output
    assert "exact hit: the same question was answered before" in printed


def test_parameters_must_be_an_object(cache: Callable[..., Result]) -> None:
    for wrong in ("[]", "{"):
        assert "--params must be a JSON object" in cache("inspect", "x", "--route", "support", "--params", wrong).output


def test_a_missing_configuration_is_said(cache: Callable[..., Result], folder: Path) -> None:
    (folder / "litellm_config.yaml").unlink()
    assert isinstance(cache("stats").exception, ConfigurationError)
