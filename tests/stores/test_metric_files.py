"""Snapshots of several workers: who lives, what stays of who does not, and what a new gateway begins with."""

import multiprocessing
from pathlib import Path

import pytest

from thriftgate.stores.files.metrics import MetricFiles


def seen(files: MetricFiles) -> list[tuple[int, bool]]:
    return sorted((int(snapshot["n"]), is_alive) for snapshot, is_alive in files.others())


def test_each_worker_sees_the_latest_of_all_others_and_not_its_own(tmp_path: Path) -> None:
    one, other = MetricFiles(tmp_path / "metrics"), MetricFiles(tmp_path / "metrics")
    one.write({"n": 1})
    other.write({"n": 2})
    other.write({"n": 3})
    assert seen(one) == [(3, True)]
    assert seen(other) == [(1, True)]


def test_a_worker_that_ended_is_still_counted_while_another_lives(tmp_path: Path) -> None:
    one, other, third = (MetricFiles(tmp_path) for _ in range(3))
    one.write({"n": 1})
    other.write({"n": 2})
    other.close()
    third.write({"n": 3})
    assert seen(one) == [(2, False), (3, True)]


def test_a_new_gateway_begins_at_zero(tmp_path: Path) -> None:
    old = MetricFiles(tmp_path)
    old.write({"n": 1})
    (tmp_path / "half.new").write_text("{")
    old.close()
    new = MetricFiles(tmp_path)
    new.open()
    assert seen(new) == []
    assert sorted(path.suffix for path in tmp_path.iterdir()) == ["", ".alive"]


def _write_and_die(folder: str) -> None:
    import os

    MetricFiles(Path(folder)).write({"n": 7})
    os.kill(os.getpid(), 9)


def test_a_worker_that_was_killed_is_known_to_be_dead(tmp_path: Path) -> None:
    survivor = MetricFiles(tmp_path)
    survivor.open()
    process = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(str(tmp_path),))
    process.start()
    process.join(60)
    assert process.exitcode == -9
    assert seen(survivor) == [(7, False)]


@pytest.mark.parametrize("text", ["{", "[1]", ""])
def test_what_is_no_snapshot_is_passed_over_and_counted(tmp_path: Path, text: str) -> None:
    one, other = MetricFiles(tmp_path), MetricFiles(tmp_path)
    one.open()
    other.write({"n": 2})
    next(tmp_path.glob("*.json")).write_text(text)
    assert seen(one) == []
    assert one.unreadable == 1


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        MetricFiles(tmp_path / "file" / "metrics").write({"n": 1})
