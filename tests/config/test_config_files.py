"""Every file in good/ loads, every file in bad/ is refused, with exactly the words that stand next to it.

To write the words anew after a deliberate change: `THRIFTGATE_WRITE_EXPECTED=1 make test ARGS=tests/config`, and read
the difference.
"""

import os
from datetime import date
from pathlib import Path

import pytest

from thriftgate.cli.gateway.parts.preflight import check_contents
from thriftgate.config import load
from thriftgate.errors import ConfigurationError

HERE = Path(__file__).parent
GOOD = sorted((HERE / "good").glob("*.yaml"))
BAD = sorted((HERE / "bad").rglob("*.yaml"))
TODAY = date(2026, 1, 1)
"""Before any model of these files is announced to retire."""
ENVIRONMENT = {
    "ANTHROPIC_API_KEY": "not-a-key",
    "OPENAI_API_KEY": "not-a-key",
    "LITELLM_MASTER_KEY": "sk-not-a-key-but-long-enough",
}


def assert_says(file: Path, words: tuple[str, ...]) -> None:
    expected = file.with_suffix(".txt")
    if os.environ.get("THRIFTGATE_WRITE_EXPECTED"):
        expected.write_text("\n".join(words) + "\n", encoding="utf-8")
    assert "\n".join(words) + "\n" == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_a_bad_configuration_is_refused_with_all_its_mistakes(file: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(file, ENVIRONMENT, today=TODAY, further=check_contents)
    assert_says(file, raised.value.problems)


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_a_good_configuration_loads_with_exactly_its_warnings(file: Path) -> None:
    warnings = load(file, ENVIRONMENT, today=TODAY, further=check_contents).warnings
    if file.with_suffix(".txt").exists():
        assert_says(file, warnings)
    else:
        assert warnings == ()


def test_there_is_a_bad_file_for_every_section_and_check() -> None:
    assert len(BAD) >= 40
    assert {"root", "embedder", "ledger", "cache", "cascade", "prompt"} <= {file.stem.split("_")[0] for file in BAD}


def test_no_message_repeats_what_may_be_a_secret() -> None:
    said = "".join(file.with_suffix(".txt").read_text(encoding="utf-8") for file in BAD)
    assert "hunter2" not in said
    assert "redis-cache" not in said
    assert "not-a-key" not in said


def test_reading_a_configuration_imports_neither_litellm_nor_numpy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from thriftgate.config import load; "
        f"load(Path({str(GOOD[0])!r}), {ENVIRONMENT!r}); "
        "assert not {'litellm', 'numpy'} & set(sys.modules), 'imported'"
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent / "plugins")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
