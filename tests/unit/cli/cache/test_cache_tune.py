"""`thriftgate cache tune` measures and calibrates with the embedder it is told to."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from thriftgate.caching.artefact import CacheModel, shipped
from thriftgate.cli.cache.tune import command

SUPPORT = Path(__file__).parents[4] / "evals" / "cache" / "support.csv"


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Sixty of our own questions, answer by answer."""
    with SUPPORT.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["answer_group"])[:60]
    path = tmp_path / "questions.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["question", "answer_group"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_an_artefact_belongs_to_the_embedder_it_was_made_with_and_begins_as_carefully(
    questions: Path, tmp_path: Path
) -> None:
    target = tmp_path / "mine.json"
    options = ["--embedder", "fast", "--orders", "1", "--write", str(target), "--data-dir", str(tmp_path)]
    done = CliRunner().invoke(command, [str(questions), *options])
    assert done.exit_code == 0, done.output
    made = CacheModel.from_json(target.read_text(encoding="utf-8"))
    made.check(embedder="fast", source="mine.json")
    assert made.threshold == shipped("fast").threshold > shipped("local").threshold
    assert made.mean == shipped("fast").mean  # the scale of its own embedder, not MiniLM's
    assert made.weights != shipped("fast").weights
    assert not (tmp_path / "models").exists()  # no other model was built for it
