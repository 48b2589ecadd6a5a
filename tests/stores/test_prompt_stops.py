"""What guards have stopped: kept in a file, for all workers, and never forgotten by mistake."""

import json
from pathlib import Path

import pytest

from thriftgate.errors import StoreUnavailableError
from thriftgate.stores.files.prompt_stops import PromptStops


async def test_without_a_file_nothing_is_stopped(tmp_path: Path) -> None:
    assert await PromptStops(tmp_path / "none" / "experiments.json").load() == {}


async def test_a_stop_is_seen_by_every_worker_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "data" / "experiments.json"
    await PromptStops(path).add("support/short", "concise", at=1.0, why={"metric": "quality"})
    await PromptStops(path).add("support/short", "warm", at=2.0, why={})
    await PromptStops(path).add("sales/x", "concise", at=3.0, why={})

    other = PromptStops(path)
    assert await other.load() == {"support/short": {"concise", "warm"}, "sales/x": {"concise"}}
    assert (await other.read())["support/short"]["concise"] == {"at": 1.0, "metric": "quality"}
    assert [entry.name for entry in path.parent.iterdir()] == ["experiments.json"]


async def test_the_first_decision_stays(tmp_path: Path) -> None:
    stops = PromptStops(tmp_path / "experiments.json")
    await stops.add("a/b", "x", at=1.0, why={"metric": "quality"})
    await stops.add("a/b", "x", at=9.0, why={"metric": "cost"})

    assert (await stops.read())["a/b"]["x"] == {"at": 1.0, "metric": "quality"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": []}', '{"a": {"b": 1}}', "\ud800"])
async def test_a_broken_file_is_not_taken_for_an_empty_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "experiments.json"
    path.write_text(content, encoding="utf-8", errors="surrogatepass")

    with pytest.raises(StoreUnavailableError):
        await PromptStops(path).load()
    with pytest.raises(StoreUnavailableError):
        await PromptStops(path).add("a/b", "x", at=1.0, why={})


async def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")

    with pytest.raises(StoreUnavailableError):
        await PromptStops(tmp_path / "data" / "experiments.json").add("a/b", "x", at=1.0, why={})


async def test_the_file_is_readable_json(tmp_path: Path) -> None:
    path = tmp_path / "experiments.json"
    await PromptStops(path).add("a/b", "x", at=1.0, why={})

    assert json.loads(path.read_text()) == {"a/b": {"x": {"at": 1.0}}}
