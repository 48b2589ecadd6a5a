"""What a child prints is kept: appended, rotated, or handed on as JSON."""

import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.cli.gateway.parts.log_files import RotatedLog, as_json, pump, told


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    path = tmp_path / "proxy.log"
    path.write_text("the crash of yesterday\n")
    RotatedLog(path).write(b"today\n")
    assert path.read_text() == "the crash of yesterday\ntoday\n"


@given(lines=st.lists(st.binary(max_size=8).map(lambda text: text.replace(b"\n", b"") + b"\n"), max_size=30))
def test_the_latest_lines_are_kept_in_order_and_no_file_outgrows_its_bound(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "proxy.log")
        log = RotatedLog(path, most_bytes=20, kept=2)
        for line in lines:
            log.write(line)
        files = [path.with_name(f"proxy.log.{number}") for number in (3, 2, 1)] + [path]
        kept = [file.read_bytes() for file in files if file.exists()]
        assert len(kept) <= 3
        assert all(len(text) <= 20 for text in kept)
        assert b"".join(lines).endswith(b"".join(kept))


@given(st.binary(max_size=60))
def test_every_line_becomes_one_json_object_on_one_line(line: bytes) -> None:
    said = as_json(line)
    assert said.endswith(b"\n")
    assert said.count(b"\n") == 1 or line.strip()[:1] == b"{"
    json.loads(said)


def test_json_stays_as_it_is_and_anything_else_is_wrapped() -> None:
    assert as_json(b' {"message": "request"}\n') == b'{"message": "request"}\n'
    assert json.loads(as_json(b"{not json}\n"))["message"] == "{not json}"
    assert json.loads(told("stopped", level="ERROR"))["level"] == "ERROR"


def test_the_colours_of_a_terminal_are_no_part_of_what_is_said() -> None:
    assert json.loads(as_json(b"\x1b[1;37m#  Give feedback  #\x1b[0m\n"))["message"] == "#  Give feedback  #"
    assert as_json(b'\x1b[0m{"message": "request"}\x1b[0m\n') == b'{"message": "request"}\n'


def test_a_log_that_cannot_be_written_is_said_once_and_holds_nobody_up(capsys: pytest.CaptureFixture[str]) -> None:
    written: list[bytes] = []

    def write(line: bytes) -> None:
        written.append(line)
        raise OSError(28, "no space left")

    pump(io.BytesIO(b"one\ntwo\nthree\n"), write, name="a child").join(10)
    assert written == [b"one\n", b"two\n", b"three\n"]
    assert capsys.readouterr().err == "the log of a child cannot be written: OSError\n"
