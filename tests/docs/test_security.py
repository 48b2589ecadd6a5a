"""Each statement of the page on security names a test that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+)`", PAGE)))


def test_every_named_test_exists() -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    missing = [name for name in NAMED if f"def {name}(" not in written]
    assert len(NAMED) > 15
    assert not missing


def test_the_bounds_are_those_of_the_code() -> None:
    from thriftgate.wire.bounds import MAX_BYTES, MAX_DEPTH, MAX_VALUES

    assert f"| {MAX_BYTES // 1024**2} MB |" in PAGE
    assert f"| {MAX_VALUES:,} |" in PAGE
    assert f"| {MAX_DEPTH} |" in PAGE
