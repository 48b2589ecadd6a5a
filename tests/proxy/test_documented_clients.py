"""Every piece of docs/clients.md does what it says, run as it stands against a real gateway."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.proxy.asked import Asked
from tests.proxy.conftest import CLAUDE, CLIENT_KEY, ROOT, GatewayProcess
from tests.proxy.upstream import Reply, calls_tool, says
from werkzeug import Response

pytestmark = pytest.mark.xdist_group("proxy")

CLIENTS = ROOT / ".tools" / "clients"
"""Where `make clients` puts them."""
ANSWER = "A refund takes 5 days."
_BLOCK = re.compile(r"^```(?P<language>\w+) (?P<name>[\w-]+)(?P<notes>[^\n]*)\n(?P<code>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Piece:
    language: str
    name: str
    notes: str
    code: str

    def __str__(self) -> str:
        return self.name


PIECES = [Piece(**found.groupdict()) for found in _BLOCK.finditer((ROOT / "docs/clients.md").read_text())]


def test_the_document_has_a_piece_for_each_client() -> None:
    assert {piece.name for piece in PIECES} == {
        "curl", "openai", "anthropic", "langchain", "llama-index", "pydantic-ai", "instructor", "openai-node",
        "anthropic-node", "ai-sdk", "claude-code",
    }  # fmt: skip


@pytest.mark.parametrize("piece", PIECES, ids=str)
def test_what_the_document_shows_works(gateway: GatewayProcess, piece: Piece, tmp_path: Path) -> None:
    command = command_of(piece)
    route, said = "support", "5 days"
    if "asks-claude" in piece.notes:
        route = "claude"
        gateway.upstream.on(CLAUDE, looks_into(tmp_path / "refunds.txt"))
        (tmp_path / "refunds.txt").write_text("Refunds: 5 days.\n")
    tool = calls_tool("Refund", {"days": 5})
    for model in ("small", "large"):
        gateway.upstream.on(model, tool if "answers-with-a-tool" in piece.notes else says(ANSWER))
    done = subprocess.run(
        [*command, piece.code.replace("http://localhost:4000", gateway.base_url).replace('"support"', f'"{route}"')],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        cwd=tmp_path if piece.language != "js" else CLIENTS,
        env={
            "PATH": f"{CLIENTS / 'node_modules' / '.bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path), "THRIFTGATE_KEY": CLIENT_KEY, "DISABLE_TELEMETRY": "1", "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "NO_COLOR": "1",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout, done.stdout + done.stderr


def command_of(piece: Piece) -> list[str]:
    """What runs a piece of this language; skips the test where its client is not installed."""
    if piece.name == "curl" and shutil.which("curl"):
        return ["sh", "-euc"]
    if piece.language == "python":
        python = CLIENTS / ".venv" / "bin" / "python"
        if python.exists():
            return [str(python), "-c"]
        if find_spec(piece.name.replace("-", "_")) is not None:
            return [sys.executable, "-c"]
    elif (CLIENTS / "node_modules").exists():
        return ["node", "--input-type=module", "--eval"] if piece.language == "js" else ["sh", "-euc"]
    pytest.skip(f"{piece.name} is not installed: make clients")


def looks_into(file: Path) -> Reply:
    """A Claude that reads the file it was asked about, and then says what is in it."""
    read = calls_tool("Read", {"file_path": str(file)})

    def reply(body: Asked) -> Response:
        has_tool = any(tool.get("name") == "Read" for tool in body.get("tools") or ())
        if not has_tool:
            return says("A title")(body)
        return says(ANSWER)(body) if "Refunds: 5 days." in str(body["messages"]) else read(body)

    return reply
