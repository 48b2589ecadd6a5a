import asyncio
from pathlib import Path

import pytest

from thriftgate.identity.forms import KeyFile
from thriftgate.stores.files import keys as module
from thriftgate.stores.files.keys import WatchedKeyFile

ONE = "keys:\n- {alias: one, sha256: " + "a" * 64 + "}\n"
TWO = ONE + "- {alias: two, sha256: " + "b" * 64 + "}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.yaml"
    path.write_text(ONE)
    return path


def looks(watched: WatchedKeyFile) -> bool:
    return asyncio.run(watched.look())


def test_what_is_written_is_served_after_the_next_look(path: Path) -> None:
    watched = WatchedKeyFile(path)
    path.write_text(TWO)
    assert looks(watched)
    assert len(watched.current().keys) == 2
    assert not looks(watched)


def test_an_emptied_file_locks_nobody_out_until_somebody_says_that_there_is_nobody(path: Path) -> None:
    watched = WatchedKeyFile(path)
    path.write_text("")
    assert not looks(watched)
    assert len(watched.current().keys) == 1
    path.write_text("{}")
    assert looks(watched)
    assert not watched.current().keys


def test_a_file_that_is_still_being_written_is_read_when_it_is_done(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = WatchedKeyFile(path)
    path.write_text(TWO)

    rest = iter([ONE + "# the rest comes"])
    whole = module.read_keys

    def read(path: Path) -> KeyFile:
        found = whole(path)
        for text in rest:
            path.write_text(text)
        return found

    monkeypatch.setattr(module, "read_keys", read)
    assert not looks(watched)
    assert len(watched.current().keys) == 1
    path.write_text(TWO)
    assert looks(watched)
    assert len(watched.current().keys) == 2


def test_a_mistake_is_said_once_and_the_last_good_state_stays(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = WatchedKeyFile(path)
    path.write_text("keys: [")
    for _ in range(3):
        assert not looks(watched)
    assert len(watched.current().keys) == 1
    assert len(caplog.records) == 1


def test_a_file_that_is_away_is_said_once_and_read_when_it_is_back(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = WatchedKeyFile(path)
    away = path.rename(path.with_suffix(".away"))
    for _ in range(3):
        assert not looks(watched)
    assert len(caplog.records) == 1
    away.rename(path)
    assert looks(watched)
