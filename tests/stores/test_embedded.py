"""The server of our own: shared by processes, kept across starts, found again after a crash."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, urlsplit

import pytest

from thriftgate.errors import ConfigurationError, StoreUnavailableError
from thriftgate.stores.embedded.database import EmbeddedPostgres, prepare_embedded, release_database
from thriftgate.stores.embedded.process import PostgresProcess
from thriftgate.stores.postgres.connection.database import Database, Timeouts, open_connection

USER = """
import sys
from pathlib import Path
from thriftgate.stores.embedded.database import prepare_embedded
print(prepare_embedded(None, Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def made_once() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-embedded-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(made_once: Path) -> Iterator[Path]:
    """A data folder with no server running, before the test and after it."""
    yield made_once
    release_database(made_once)
    PostgresProcess(made_once / "postgres").stop()


@contextmanager
def user_process(data_dir: Path) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Another process that uses the server until its input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        dsn = process.stdout.readline().strip()
        assert dsn.startswith("postgresql://"), "the other process did not start"
        try:
            yield process, dsn
        finally:
            end(process.stdin)


def end(stdin: IO[str] | None) -> None:
    if stdin is not None and not stdin.closed:
        stdin.close()


def ask(dsn: str, statement: str) -> object:
    async def run() -> object:
        connection = await open_connection(dsn, timeout=5)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def is_running(data_dir: Path) -> bool:
    return (data_dir / "postgres" / "postmaster.pid").exists()


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def test_a_second_start_keeps_the_data(data_dir: Path) -> None:
    dsn = prepare_embedded(None, data_dir)
    ask(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    release_database(data_dir)
    assert not is_running(data_dir)
    assert ask(prepare_embedded(None, data_dir), "SELECT answer FROM kept") == 42


def test_preparing_twice_is_the_same_server(data_dir: Path) -> None:
    dsn = prepare_embedded(None, data_dir)
    pid = postmaster(data_dir)
    assert prepare_embedded(None, data_dir) == dsn
    assert postmaster(data_dir) == pid


async def test_it_may_be_prepared_inside_a_running_event_loop(data_dir: Path) -> None:
    assert prepare_embedded(None, data_dir)


def test_processes_share_one_server_and_the_last_one_stops_it(data_dir: Path) -> None:
    with user_process(data_dir) as (first, first_dsn), user_process(data_dir) as (_, second_dsn):
        assert first_dsn == second_dsn
        end(first.stdin)
        assert first.wait(30) == 0
        assert ask(second_dsn, "SELECT 1") == 1
    assert not is_running(data_dir)


def test_processes_that_start_at_the_same_time_share_one_server(made_once: Path) -> None:
    fresh = made_once / "fresh"  # nothing is there yet: both want to make the data folder
    command = [sys.executable, "-c", USER, str(fresh)]
    users = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = {user.stdout.readline() for user in users if user.stdout is not None}
    for user in users:
        user.communicate()
    assert len(answers) == 1
    assert [user.returncode for user in users] == [0, 0]
    assert not is_running(fresh)


def test_a_killed_process_leaves_a_server_that_the_next_one_stops(data_dir: Path) -> None:
    with user_process(data_dir) as (process, dsn):
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert ask(dsn, "SELECT 1") == 1
    assert prepare_embedded(None, data_dir) == dsn
    release_database(data_dir)
    assert not is_running(data_dir)


def test_a_killed_server_starts_again_with_what_was_committed(data_dir: Path) -> None:
    dsn = prepare_embedded(None, data_dir)
    ask(dsn, "CREATE TABLE IF NOT EXISTS committed AS SELECT 7 AS number")
    os.kill(postmaster(data_dir), signal.SIGKILL)
    assert ask(prepare_embedded(None, data_dir), "SELECT number FROM committed") == 7


@pytest.mark.parametrize("left", ["", "not a number\n", "{pid}\n", "{pid}\n{path}\n1\n5432\n/tmp\n\n1 1\nready\n"])
def test_a_stale_pid_file_does_not_matter(data_dir: Path, left: str) -> None:
    prepare_embedded(None, data_dir)
    release_database(data_dir)
    pid_file = data_dir / "postgres" / "postmaster.pid"
    # Our own pid: alive, and nobody's server. So it looks after a container was restarted.
    pid_file.write_text(left.replace("{pid}", str(os.getpid())).replace("{path}", str(data_dir)))
    assert ask(prepare_embedded(None, data_dir), "SELECT 1") == 1


def test_a_data_folder_that_was_half_made_is_made_again(made_once: Path) -> None:
    folder = made_once / "half"
    (folder / "postgres.new" / "base").mkdir(parents=True)
    server = EmbeddedPostgres(folder)
    assert ask(server.start(), "SELECT 1") == 1
    assert server.release()


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(made_once: Path) -> None:
    folder = made_once / ("long" * 20) / ("name" * 20)
    server = EmbeddedPostgres(folder)
    dsn = server.start()
    socket_dir = Path(parse_qs(urlsplit(dsn).query)["host"][0])
    assert socket_dir != folder / "postgres"
    assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    assert ask(dsn, "SELECT 1") == 1
    assert server.release()
    assert not socket_dir.exists()


def test_nobody_else_reaches_the_server(data_dir: Path) -> None:
    dsn = prepare_embedded(None, data_dir)
    folder = data_dir / "postgres"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / ".s.PGSQL.5432").stat().st_mode) == 0o700
    assert ask(dsn, "SHOW listen_addresses") == ""


def test_settings_of_other_servers_in_the_environment_do_not_matter(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nowhere")
    assert ask(prepare_embedded(None, data_dir), "SELECT 1") == 1


def test_a_forked_child_does_not_stop_its_parents_server(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedPostgres(data_dir)
    dsn = server.start()
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        assert not server.release()
    assert ask(dsn, "SELECT 1") == 1
    assert server.release()


def test_releasing_twice_is_fine(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.start()
    assert server.release()
    assert not server.release()


def test_data_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigurationError, match="made by PostgreSQL 16, this is 18"):
        prepare_embedded(None, tmp_path)


def test_a_data_dir_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"data_dir: .*file"):
        prepare_embedded(None, tmp_path / "file")


def test_why_the_server_does_not_start_is_in_the_error(data_dir: Path) -> None:
    prepare_embedded(None, data_dir)
    release_database(data_dir)
    settings = data_dir / "postgres" / "postgresql.auto.conf"
    before = settings.read_text()
    settings.write_text("shared_buffers = 'a lot'\n")
    try:
        with pytest.raises(ConfigurationError, match='invalid value for parameter "shared_buffers"'):
            prepare_embedded(None, data_dir)
    finally:
        settings.write_text(before)


def test_a_given_url_that_does_not_answer_is_said_so() -> None:
    with pytest.raises(StoreUnavailableError, match="database_url"):
        prepare_embedded("postgresql://nobody@127.0.0.1:1/none", Path())


def test_a_given_url_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must start with postgresql://"):
        prepare_embedded("mysql://localhost/x", Path())


async def test_a_database_fails_fast_while_the_server_is_away_and_comes_back_with_it(data_dir: Path) -> None:
    now = 0.0
    server = EmbeddedPostgres(data_dir)
    timeouts = Timeouts(connect=5.0, acquire=5.0, statement=5.0)
    database = Database(await asyncio.to_thread(server.start), timeouts=timeouts, monotonic=lambda: now)
    try:
        assert await database.fetchval("SELECT 1") == 1
        await asyncio.to_thread(server.release)
        for _ in range(3):
            with pytest.raises(StoreUnavailableError):
                await database.fetchval("SELECT 1")
        await asyncio.to_thread(server.start)
        with pytest.raises(StoreUnavailableError):  # not yet: the door was closed a moment ago
            await database.fetchval("SELECT 1")
        now += 1.0
        assert await database.fetchval("SELECT 1") == 1
    finally:
        await database.close()
        server.release()
