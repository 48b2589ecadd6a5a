import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from thriftgate.cascade import artefact as artefacts
from thriftgate.cli.cascade import command
from thriftgate.cli.gateway.check import command as check

PRICES = ("--price", "small=0.1/0.4", "--price", "large=2/8")


def rows(n: int) -> list[dict[str, Any]]:
    """Hedged answers are worse."""
    rng = np.random.default_rng(0)
    made: list[dict[str, Any]] = []
    for place in range(n):
        hedged = rng.uniform() < 0.4
        cheap = "Maybe it is 4, perhaps, I think." if hedged else "It is four."
        label = bool(rng.uniform() < (0.3 if hedged else 0.99))
        made.append({"question": f"What is number {place}?", "cheap": cheap, "strong": "It is four.", "label": label})
    return made


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(900))) + "\n")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["calibrate", *map(str, arguments)])


def test_a_dry_run_prints_the_frontier_the_promise_and_what_more_labels_buy(labels: Path):
    result = run(labels, *PRICES)
    assert result.exit_code == 0, result.output
    for words in (
        "lost net",
        "got worse",
        "With 95% confidence at most 2.0%",
        "With 500 labels more",
        "A dry run",
        "←",
        "AUROC",
    ):
        assert words in result.output
    assert list(labels.parent.iterdir()) == [labels]


def test_the_written_artefact_can_be_served_from_and_the_picture_is_drawn(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)  # where the embedder keeps its graph
    result = run(labels, *PRICES, "--write", tmp_path / "a.json", "--png", tmp_path / "a.png", "--route", "support")
    assert result.exit_code == 0, result.output
    read = artefacts.load_artefact(tmp_path / "a.json")
    read.check(tiers=("small", "large"), max_quality_loss=0.02, delta=0.05)
    assert read.guarantee.holds
    dry = json.loads(run(labels, *PRICES, "--json", "--route", "support").output)
    written = json.loads((tmp_path / "a.json").read_text())
    # A dry run says to the last digit what is written then.
    assert {name: written[name] for name in dry if name in written and name not in ("created_at", "summary")} == {
        name: value for name, value in dry.items() if name in written and name not in ("created_at", "summary")
    }
    assert read.summary is not None
    assert read.summary.held_out == 450
    assert read.created_at
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_json_is_the_artefact_and_the_same_labels_in_any_order_give_the_same(labels: Path, tmp_path: Path):
    one = json.loads(run(labels, *PRICES, "--json").output)
    other_way = tmp_path / labels.name
    other_way.write_text("\n".join(reversed(labels.read_text(encoding="utf-8").splitlines())), encoding="utf-8")
    other = json.loads(run(other_way, *PRICES, "--json").output)
    assert one["guarantee"]["holds"]
    assert one["would_buy"]["more_labels"] == 500
    assert {**one, "created_at": ""} == {**other, "created_at": ""}


def test_too_few_labels_end_with_code_1_say_how_many_are_needed_and_replace_nothing(tmp_path: Path):
    path = tmp_path / "few.jsonl"
    path.write_text("\n".join(map(json.dumps, rows(50))))
    result = run(path, *PRICES)
    assert result.exit_code == 1
    assert "149 are needed" in " ".join(result.output.split())
    # Fifty labels tell nothing of the next five hundred, neither that they would prove it nor that they would not.
    assert "These are too few to tell what 500 labels more would bring." in result.output
    assert json.loads(run(path, *PRICES, "--json").stdout)["would_buy"]["cost_share"] is None
    (tmp_path / "a.json").write_text("what was proved before")
    result = run(path, *PRICES, "--write", tmp_path / "a.json")
    assert result.exit_code == 1
    assert "is left as it is: these labels prove nothing" in " ".join(result.output.split())
    assert (tmp_path / "a.json").read_text() == "what was proved before"
    assert run(path, *PRICES, "--write", tmp_path / "new.json").exit_code == 1
    assert (tmp_path / "new.json").exists()


def test_bad_lines_end_with_code_2_and_are_named_with_numbers(labels: Path):
    with labels.open("a") as file:
        file.write("{broken\n")
        file.write(json.dumps({**rows(1)[0], "label": "yes"}) + "\n")
    result = run(labels, *PRICES)
    assert result.exit_code == 2
    assert "labels.jsonl, line 901: no JSON" in result.stderr
    assert "line 902: `label` must be" in result.stderr
    assert "--skip-bad-lines" in result.stderr
    assert run(labels, *PRICES, "--skip-bad-lines").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tiers", "small"), "two different tiers"),
        (("--tiers", "small,small"), "two different tiers"),
        (("--price", "small=cheap"), "TIER=IN/OUT"),
    ],
)
def test_wrong_options_are_explained(labels: Path, arguments: tuple[str, ...], words: str):
    result = run(labels, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_without_prices_every_line_asks_for_one(labels: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(labels.parent)
    result = run(labels)
    assert result.exit_code == 2
    assert "has no cost of small" in result.stderr
    assert "and 880 more" in result.stderr


CONFIG = """
model_list:
  - model_name: tiny
    litellm_params: {model: openai/gpt-4o-mini, api_key: sk-x}
  - model_name: large
    litellm_params: {model: openai/gpt-4o, api_key: sk-x}
  - model_name: support
    litellm_params: {model: thriftgate/support}
litellm_settings:
  callbacks: []
  custom_provider_map: [{provider: thriftgate, custom_handler: thriftgate.proxy.plugin.routes}]
callback_settings:
  thriftgate:
    routes:
      support:
        cascade: {tiers: [{model: tiny}, {model: large}], max_quality_loss: 0.03}
"""


def test_tiers_prices_and_promise_come_from_the_configuration(labels: Path, tmp_path: Path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    result = run(labels, "--config", tmp_path / "config.yaml", "--route", "support", "--json")
    assert result.exit_code == 0, result.output
    made = json.loads(result.output)
    assert made["tiers"] == ["tiny", "large"]
    assert made["guarantee"]["max_quality_loss"] == 0.03
    assert made["deployments"] == {"tiny": ["openai/gpt-4o-mini"], "large": ["openai/gpt-4o"]}
    unknown = run(labels, "--config", tmp_path / "config.yaml", "--route", "sales")
    assert unknown.exit_code == 2
    assert "--route must be one of: support" in unknown.stderr


def test_the_configuration_of_the_folder_and_its_only_cascade_need_no_flag(
    labels: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(labels.parent)
    (labels.parent / "litellm_config.yaml").write_text(CONFIG)
    made = json.loads(run(labels, "--json").output)
    assert (made["route"], made["tiers"], made["guarantee"]["max_quality_loss"]) == ("support", ["tiny", "large"], 0.03)
    # Other tiers than those of the configuration are none of its business.
    assert json.loads(run(labels, "--tiers", "small,large", *PRICES, "--json").output)["tiers"] == ["small", "large"]


def test_an_artefact_without_a_summary_says_that_unfamiliar_questions_are_not_told(labels: Path, tmp_path: Path):
    result = run(labels, *PRICES, "--write", tmp_path / "a.json", "--no-summary")
    assert "unfamiliar ones are not told" in result.output
    assert artefacts.load_artefact(tmp_path / "a.json").summary is None


@pytest.mark.parametrize("ratio", [3.0, 4.9])
def test_what_hardly_pays_is_written_only_by_force(labels: Path, tmp_path: Path, ratio: float):
    prices = ("--price", "small=1/4", "--price", f"large={ratio}/{4 * ratio}")
    artefact = tmp_path / "a.json"
    artefact.write_text("what was proved before")
    refused = run(labels, *prices, "--write", artefact, "--no-summary")
    assert refused.exit_code == 1
    assert artefact.read_text() == "what was proved before"
    words = " ".join(refused.output.split())
    assert "Below 5 times, choose one of the two models" in words
    assert (
        "a.json was not written, since such a cascade hardly pays (see above). --force writes it all the same." in words
    )
    assert "Written to" not in words
    as_json = run(labels, *prices, "--write", artefact, "--no-summary", "--json")
    assert (as_json.exit_code, artefact.read_text()) == (1, "what was proved before")
    assert "--force" in as_json.stderr
    assert json.loads(as_json.stdout)["objections"]
    assert run(labels, *prices).exit_code == 0
    assert run(labels, *prices, "--write", artefact, "--no-summary", "--force").exit_code == 0
    assert artefacts.load_artefact(artefact).guarantee.holds


def test_an_artefact_that_was_forced_keeps_what_spoke_against_it_for_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """At a price ratio of 17, which nothing is to be said against: the answers are one letter."""
    monkeypatch.chdir(tmp_path)
    letters = [{**row, "cheap": "AB"[place % 2], "label": place % 90 > 0} for place, row in enumerate(rows(900))]
    (tmp_path / "letters.jsonl").write_text("\n".join(map(json.dumps, letters)))
    (tmp_path / "litellm_config.yaml").write_text(CONFIG)
    made = run("letters.jsonl", "--write", "forced.json", "--no-summary", "--force")
    assert made.exit_code == 0, made.output
    (tmp_path / "litellm_config.yaml").write_text(CONFIG.replace("0.03}", "0.03, artefact: forced.json}"))
    monkeypatch.setenv("LITELLM_MASTER_KEY", "sk-not-a-key-but-long-enough")
    checked = CliRunner().invoke(check, ["--no-demo"])
    assert checked.exit_code == 0, checked.output
    assert "support: The cheap answers are a letter or a word" in " ".join(checked.output.split())
    told = json.loads(CliRunner().invoke(check, ["--no-demo", "--json"]).stdout)["routes"]["support"]["objections"]
    assert len(told) == 1


def test_a_strongest_tier_that_is_the_cheaper_one_never_pays(labels: Path):
    result = run(labels, "--price", "small=2/8", "--price", "large=0.1/0.4")
    assert "It never pays" in result.output
    assert "0.0 times" not in result.output


def test_answers_of_one_letter_without_log_probabilities_are_written_only_by_force(tmp_path: Path):
    file, artefact = tmp_path / "letters.jsonl", tmp_path / "a.json"
    letters = [{**row, "cheap": "B", "strong": "B"} for row in rows(300)]
    file.write_text("\n".join(map(json.dumps, letters)) + "\n")
    refused = run(file, *PRICES, "--write", artefact, "--no-summary")
    assert refused.exit_code == 1
    assert not artefact.exists()
    assert "a letter or a word and come without log-probabilities" in " ".join(refused.output.split())
    assert "--force writes it all the same" in " ".join(refused.output.split())
    run(file, *PRICES, "--write", artefact, "--no-summary", "--force")
    assert artefact.exists()
