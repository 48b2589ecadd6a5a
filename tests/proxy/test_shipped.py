"""The shipped configuration, untouched, with the keys that somebody has: what is printed answers, whoever is down."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from pytest_httpserver import HTTPServer
from tests.proxy.conftest import ROOT, free_port
from tests.proxy.upstream import Upstream, fails, says
from tests.proxy.waiting import eventually
from tests.slow import SLOW

pytestmark = [pytest.mark.xdist_group("start"), SLOW]

_PATIENCE = 240.0
_CONFIG = yaml.safe_load((ROOT / "litellm_config.yaml").read_text())
MODELS = {
    (entry["model_name"], *entry["litellm_params"]["model"].split("/"))
    for entry in _CONFIG["model_list"]
    if "thriftgate/" not in entry["litellm_params"]["model"]
}
"""Group, provider and the provider's name of each shipped deployment."""


@dataclass(frozen=True)
class Shipped:
    """A gateway that `thriftgate up` started in a folder of its own."""

    url: str
    key: str
    said: str
    folder: Path
    upstream: Upstream

    def ask(self, question: str) -> httpx.Response:
        body = {"model": "support", "messages": [{"role": "user", "content": question}]}
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=60)

    def play(self, provider: str, answer: str | None) -> None:
        """Every model of the provider gives this answer; None: it is down."""
        for _, owner, model in MODELS:
            if owner == provider:
                self.upstream.on(model, fails(503) if answer is None else says(answer))


@contextmanager
def shipped(server: HTTPServer, *providers: str) -> Generator[Shipped]:
    """As whoever clones the repository and has these providers' keys."""
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-shipped-"))
    folder.chmod(0o755)
    shutil.copy(ROOT / "litellm_config.yaml", folder)
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    upstream = Upstream(server)
    port = free_port()
    keys = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "MASTER_KEY"))}
    keys |= {f"{provider.upper()}_API_KEY": "sk-of-the-tests" for provider in providers}
    base = upstream.base_url
    environ = {**keys, "OPENAI_BASE_URL": base, "OPENAI_API_BASE": base, "ANTHROPIC_API_BASE": base.removesuffix("/v1")}
    argv = [sys.executable, "-m", "thriftgate", "up", "--port", str(port)]
    log = folder / "up.log"
    with log.open("wb") as out:
        up = subprocess.Popen(argv, cwd=folder, env=environ, stdout=out, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: "Ctrl-C stops it" in log.read_text() or up.poll() is not None, _PATIENCE)
        assert "Ctrl-C stops it" in log.read_text(), log.read_text()
        key = (folder / ".thriftgate" / "master_key").read_text().strip()
        yield Shipped(f"http://localhost:{port}", key, log.read_text(), folder, upstream)
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
        upstream.forget()
        shutil.rmtree(folder, ignore_errors=True)


def _printed_curl(said: str) -> str:
    found = re.search(r"curl .*?-i$", said, re.DOTALL | re.MULTILINE)
    assert found is not None, said
    return found[0]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_with_one_providers_key_what_is_printed_answers_and_so_does_the_demo(
    provider_server: HTTPServer, provider: str
) -> None:
    with shipped(provider_server, provider) as gateway:
        gateway.play(provider, "Within 30 days, from your account page.")
        pasted = subprocess.run(
            ["bash", "-c", _printed_curl(gateway.said)], cwd=gateway.folder, capture_output=True, text=True, check=False
        )
        assert "HTTP/1.1 200" in pasted.stdout, pasted.stdout + pasted.stderr
        assert "Within 30 days" in pasted.stdout
        demo = subprocess.run(
            [sys.executable, "-m", "thriftgate", "demo", "--requests", "8", "--base-url", gateway.url],
            cwd=gateway.folder, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert demo.returncode == 0, demo.stdout + demo.stderr
        asked = {model for _, owner, model in MODELS if owner == provider and gateway.upstream.asked(model)}
        assert asked == {model for _, owner, model in MODELS if owner == provider}


def test_with_both_keys_either_provider_may_be_down(provider_server: HTTPServer) -> None:
    with shipped(provider_server, "openai", "anthropic") as gateway:
        for provider in ("openai", "anthropic"):
            gateway.play(provider, f"An answer of {provider}.")
        gateway.play("openai", None)
        assert "An answer of anthropic." in gateway.ask("How do I get a refund?").text
        gateway.play("openai", "An answer of openai.")
        gateway.play("anthropic", None)
        for question in ("How do I change my address?", "Where is my invoice?", "Can I pay by card?"):
            answer = gateway.ask(question)
            assert answer.status_code == 200, answer.text
            assert "An answer of openai." in answer.text
