"""The generated pages say what the code says, and every setting and command is in them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from thriftgate.cli import COMMANDS
from thriftgate.config import ThriftgateConfig
from thriftgate.config.docs import sections, spell_duration

REPO = Path(__file__).parent.parent.parent
CONFIGURATION = REPO / "docs" / "configuration.md"
CLI = REPO / "docs" / "cli.md"


def test_the_generated_pages_are_up_to_date() -> None:
    # In a process of its own: click remembers in each command how the first caller wanted its help.
    argv = [sys.executable, str(REPO / "scripts" / "write_docs.py"), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


SECTIONS = list(sections(ThriftgateConfig, "callback_settings.thriftgate"))


@pytest.mark.parametrize(("path", "model"), SECTIONS, ids=[path for path, _ in SECTIONS])
def test_every_setting_is_described(path: str, model: type) -> None:
    page = CONFIGURATION.read_text(encoding="utf-8")
    _, _, after = page.partition(f"## `{path}`\n")
    assert after, f"{path} has no heading"
    table = after.split("\n## ")[0]
    for name in getattr(model, "model_fields"):  # noqa: B009  the union of all sections has no static type
        assert re.search(rf"^\| `{name}` \| .+ \| .+ \| .{{10,}} \|$", table, re.MULTILINE), f"{path}.{name}"


def test_all_sections_of_the_configuration_are_found() -> None:
    found = {path.removeprefix("callback_settings.thriftgate") for path, _ in SECTIONS}
    assert {"", ".routes.<name>", ".routes.<name>.cache.verify", ".routes.<name>.cascade.tiers[]"} <= found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_described(name: str) -> None:
    assert f"\n## `thriftgate {name}`\n" in CLI.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (0.5, "500ms"), (30, "30s"), (90, "90s"), (5400, "90m"), (86400, "1d")]
)
def test_durations_are_spelt_with_the_largest_unit_that_fits(seconds: float, words: str) -> None:
    assert spell_duration(seconds) == words
