"""`thriftgate check` answers for a start: where it says yes the gateway serves, where it says no nothing is started.

The proxies are LiteLLM's own command, forked (see `forked.py`). THRIFTGATE_TEST_STARTS is the number of mutated files,
THRIFTGATE_TEST_STARTS_FROM the first one's seed.
"""

import os
import shutil
import signal
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Never

import pytest
from click.testing import CliRunner
from tests.proxy.conftest import ROOT, free_port
from tests.proxy.forked import Forks, forks
from tests.proxy.mutated import mutated
from tests.slow import SLOW

from thriftgate.cli.gateway import check, up
from thriftgate.cli.gateway.parts import processes
from thriftgate.cli.gateway.parts.supervision import Supervision
from thriftgate.errors import ConfigurationError
from thriftgate.stores.embedded.database import prepare_embedded, release_database

pytestmark = [pytest.mark.xdist_group("start"), pytest.mark.timeout(600), SLOW]

CONFIG = ROOT / "tests" / "config"
GOOD = sorted(path.name for path in (CONFIG / "good").glob("*.yaml"))
SHIPPED = "litellm_config.yaml"
BAD = sorted(path.name for path in (CONFIG / "bad").glob("*.yaml"))
FIRST = int(os.environ.get("THRIFTGATE_TEST_STARTS_FROM", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("THRIFTGATE_TEST_STARTS", "40")))
_KEYS = {"ANTHROPIC_API_KEY": "not-a-key", "OPENAI_API_KEY": "not-a-key"}
_ELSEWHERE = "postgresql://gateway:p%2Fw@db:5432/thriftgate"
"""A database of another machine, which one of the files names."""


@dataclass(frozen=True)
class Machine:
    """Where `check` and `up` are typed."""

    folder: Path
    forks: Forks
    database: str

    def put(self, name: str, text: str) -> Path:
        """A file beside what the configurations of this suite name."""
        path = self.folder / ("good" if name in GOOD else "bad") / name
        path.write_text(text.replace(_ELSEWHERE, self.database), encoding="utf-8")
        return path

    def agrees(self, path: Path, *, keys: bool) -> bool:
        """Whether `check` says yes, having tried that `up` says the same."""
        environ: dict[str, str | None] = {
            "ANTHROPIC_API_KEY": None, "OPENAI_API_KEY": None, "LITELLM_MASTER_KEY": "sk-not-a-key-but-long-enough",
            "THRIFTGATE_DATABASE_URL": self.database,
            # Nothing that is started here reaches a provider.
            "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost",
            **(_KEYS if keys else {}),
        }  # fmt: skip
        before = self.forks.starts
        checked = CliRunner().invoke(check.command, [str(path)], env=environ)
        ports = ["--port", str(free_port()), "--demo-port", str(free_port())]
        started = CliRunner().invoke(up.command, ["--config", str(path), *ports], env=environ)
        says_yes = checked.exit_code == 0
        # The command line says a configuration's mistakes, and ends with 2.
        for one in (checked, started):
            assert one.exception is None or isinstance(one.exception, ConfigurationError | SystemExit), one.exception
        assert (started.exit_code == 0) == says_yes, (
            f"check: {checked.output or checked.exception}\nup: {started.output or started.exception}\n"
            f"{path.read_text()}"
        )
        assert (self.forks.starts > before) == says_yes
        if not says_yes:
            assert str(checked.exception) == str(started.exception)
        return says_yes


@pytest.fixture(scope="module")
def machine() -> Generator[Machine]:
    folder = Path(mkdtemp(prefix="thriftgate-agrees-"))
    folder.chmod(0o755)
    try:
        for part in CONFIG.iterdir():
            if part.is_dir():
                shutil.copytree(part, folder / part.name)
        (folder / "data").mkdir()
        database = prepare_embedded(None, folder / "data")
        with forks("serving") as forked:
            yield Machine(folder, forked, database)
    finally:
        for place in ("data", "good/.thriftgate", "bad/.thriftgate"):
            release_database(folder / place)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def at_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """`up` forks its proxy, and is told to end as soon as it serves."""

    def end(_supervision: Supervision) -> Never:
        raise KeyboardInterrupt

    def nothing(*_: object) -> None:
        """The signals stay the test's own."""

    monkeypatch.setattr(processes, "subprocess", machine.forks)
    monkeypatch.setattr(Supervision, "serve", end)
    monkeypatch.setattr(signal, "signal", nothing)


@pytest.mark.parametrize("keys", [True, False], ids=["keys", "demo"])
@pytest.mark.parametrize("name", GOOD)
def test_every_good_file_starts(machine: Machine, name: str, keys: bool) -> None:
    says_yes = machine.agrees(machine.put(name, (CONFIG / "good" / name).read_text()), keys=keys)
    assert says_yes or not keys


@pytest.mark.parametrize("name", BAD)
def test_of_a_bad_file_nothing_is_started(machine: Machine, name: str) -> None:
    assert not machine.agrees(machine.put(name, (CONFIG / "bad" / name).read_text()), keys=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_with_a_slip_is_answered_as_a_start_answers_it(machine: Machine, seed: int) -> None:
    name = [*GOOD, SHIPPED][seed % (len(GOOD) + 1)]
    text = (ROOT / SHIPPED if name == SHIPPED else CONFIG / "good" / name).read_text()
    if name == SHIPPED:
        shutil.copytree(ROOT / "prompts", machine.folder / "bad" / "prompts", dirs_exist_ok=True)
    machine.agrees(machine.put(name, mutated(text, seed)), keys=seed % 3 > 0)
