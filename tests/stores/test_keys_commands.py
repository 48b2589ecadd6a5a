"""`thriftgate keys|teams|users` on a real PostgreSQL, as an operator runs them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from thriftgate.cli import main_group
from thriftgate.errors import ConfigurationError, InvalidRequestError, NotFoundError
from thriftgate.identity.forms import read_key_file
from thriftgate.identity.keys import digest_of, read_key

Run = Callable[..., Result]


def config_of(dsn: str, **section: Any) -> str:
    routes = {"support": {"cascade": {"tiers": [{"model": "small"}]}}}
    return yaml.safe_dump({"callback_settings": {"thriftgate": {"database_url": dsn, "routes": routes, **section}}})


@pytest.fixture
def run(tmp_path: Path, postgres_dsn: str, database: Any) -> Run:
    """Runs a command; the database has nobody in it."""
    config = tmp_path / "litellm_config.yaml"
    config.write_text(config_of(postgres_dsn, identity={}), encoding="utf-8")
    return lambda *words: CliRunner().invoke(main_group, [*words, "--config", str(config)])


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output + str(result.exception)
    return json.loads(result.stdout)


def test_a_key_is_made_for_a_team_shown_once_and_listed_without_its_secret(run: Run) -> None:
    said(run("teams", "create", "support", "--alias", "Support", "--budget", "100/month", "--json"))
    said(run("users", "create", "ada", "--team", "support", "--tier", "gold", "--json"))
    made = run("keys", "create", "--user", "ada", "--model", "support", "--budget", "soft:5/day", "--expires", "90d")
    assert made.exit_code == 0, made.output
    presented = read_key(made.stdout.strip())
    assert presented is not None
    listed = said(run("keys", "list", "--json"))
    assert [(key["id"], key["user"], key["models"]) for key in listed] == [(presented.key_id, "ada", ["support"])]
    assert listed[0]["budgets"] == [{"usd": 5.0, "per": "day", "hard": False}]
    assert made.stdout.strip() not in json.dumps(listed)
    shown = run("keys", "show", presented.key_id).stdout
    assert "soft:5/day" in shown
    assert "good" in shown
    assert presented.key_id in run("keys", "list", "--user", "ada").stdout
    assert "There are no keys." in run("keys", "list", "--team", "support").stdout


def test_a_setting_is_changed_and_taken_away_and_the_rest_stays(run: Run) -> None:
    said(run("teams", "create", "t", "--alias", "T", "--model", "a", "--metadata", "centre=7", "--json"))
    changed = said(run("teams", "set", "t", "--clear", "models", "--blocked", "--budget", "1/day", "--json"))
    assert (changed["alias"], changed["models"], changed["blocked"]) == ("T", None, True)
    assert changed["metadata"] == {"centre": "7"}
    assert said(run("teams", "set", "t", "--not-blocked", "--json"))["blocked"] is False
    said(run("users", "create", "u", "--json"))
    assert said(run("users", "set", "u", "--team", "t", "--json"))["team"] == "t"
    assert said(run("users", "show", "u", "--json"))["team"] == "t"
    assert [team["id"] for team in said(run("teams", "list", "--json"))] == ["t"]
    assert "T" in run("teams", "show", "t").stdout
    assert [user["id"] for user in said(run("users", "list", "--json"))] == ["u"]


def test_a_key_is_rotated_changed_and_revoked(run: Run) -> None:
    made = said(run("keys", "create", "--json"))
    again = said(run("keys", "rotate", made["id"], "--grace", "1h", "--json"))
    assert again["id"] == made["id"]
    assert again["key"] != made["key"]
    assert again["previous_secret_until"] is not None
    assert said(run("keys", "set", made["id"], "--role", "viewer", "--json"))["role"] == "viewer"
    assert "revoked" in run("keys", "revoke", made["id"]).stdout
    assert said(run("keys", "show", made["id"], "--json"))["status"] == "revoked"


def test_a_key_for_a_file_is_kept_nowhere_else(run: Run) -> None:
    printed = run("keys", "create", "--print-digest", "--alias", "ci", "--expires", "2027-01-31").stdout
    text, _, entry = printed.partition("\n")
    file = read_key_file({"keys": yaml.safe_load(entry)})
    presented = read_key(text)
    assert presented is not None
    assert file.keys[presented.key_id].digest == presented.digest
    assert file.keys[presented.key_id].alias == "ci"
    assert said(run("keys", "list", "--json")) == []


def test_keys_of_elsewhere_are_taken_over_by_their_digests(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(yaml.safe_dump({"teams": {"t": {}}, "keys": [{"sha256": digest_of("sk-x").hex(), "team": "t"}]}))
    assert run("keys", "import", str(file)).stdout == "1 team, 0 users, 1 new key; 0 were there\n"
    assert run("keys", "import", str(file)).stdout == "1 team, 0 users, 0 new keys; 1 were there\n"
    file.write_text("keys: [{sha256: nonsense}]")
    failed = run("keys", "import", str(file))
    assert isinstance(failed.exception, ConfigurationError)
    assert "keys.0.sha256" in str(failed.exception)


def test_an_alias_is_no_name_and_whoever_says_one_is_told_the_id(run: Run) -> None:
    for _ in range(2):
        assert run("keys", "create", "--alias", "front desk").exit_code == 0
    rows = json.loads(run("keys", "list", "--json").stdout)
    ids = [row["id"] for row in rows if row["alias"] == "front desk"]
    failed = run("keys", "revoke", "front desk")
    assert isinstance(failed.exception, NotFoundError)
    assert len(ids) == 2
    assert all(key_id in str(failed.exception) for key_id in ids)
    assert json.loads(run("keys", "list", "--json").stdout) == rows


@pytest.mark.parametrize(
    ("words", "error", "said_words"),
    [
        (("keys", "create", "--team", "nobody"), InvalidRequestError, "there is no team 'nobody'"),
        (("keys", "show", "nobody"), NotFoundError, "there is no key 'nobody'"),
        (("keys", "revoke", "nobody"), NotFoundError, "there is no key 'nobody'"),
        (("keys", "create", "--expires", "soon"), InvalidRequestError, "a time is written as"),
        (("teams", "set", "nobody", "--tier", "x"), NotFoundError, "there is no team"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(
    run: Run, words: tuple[str, ...], error: type[Exception], said_words: str
) -> None:
    result = run(*words)
    assert isinstance(result.exception, error)
    assert said_words in str(result.exception)


@pytest.mark.parametrize("budget", ["5", "5/week", "x/day", "-1/day"])
def test_a_budget_that_cannot_be_read_is_met_with_how_it_is_written(run: Run, budget: str) -> None:
    result = run("keys", "create", "--budget", budget)
    assert result.exit_code == 2
    assert "100/month" in result.output


def test_without_the_section_there_are_no_keys(tmp_path: Path, postgres_dsn: str) -> None:
    config = tmp_path / "litellm_config.yaml"
    config.write_text(config_of(postgres_dsn), encoding="utf-8")
    result = CliRunner().invoke(main_group, ["keys", "list", "--config", str(config)])
    assert isinstance(result.exception, ConfigurationError)
    assert "identity: {}" in str(result.exception)
