"""Starting and stopping as an operator does: `thriftgate up`, and a proxy that refuses a broken configuration."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.proxy.conftest import FROM_PYTHON, MASTER_KEY, ROOT, deployment, free_port, start_proxy
from tests.proxy.scrape import read_series, total
from tests.proxy.waiting import eventually, settle

pytestmark = pytest.mark.xdist_group("start")

_PATIENCE = 240.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the embedded database may use: it runs as a system user of its own when we are root."""
    path = Path(tempfile.mkdtemp(prefix="thriftgate-up-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_up_serves_offline_with_two_workers_and_leaves_nothing_behind(folder: Path) -> None:
    shutil.copy(ROOT / "litellm_config.yaml", folder)
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    port, demo_port = free_port(), free_port()
    argv = [sys.executable, "-m", "thriftgate", "up", "--port", str(port), "--demo-port", str(demo_port)]
    with (folder / "up.log").open("wb") as log:
        up = subprocess.Popen([*argv, "--workers", "2"], cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        key = _wait_for_key(up, folder, port)
        answers = [_ask(port, key) for _ in range(6)]
        assert {answer.status_code for answer in answers} == {200}
        # The cache is one for both workers: a question is asked of a model at most once by each.
        assert answers[-1].headers["x-thriftgate-decision"] == "exact_hit"
        _whoever_is_scraped_speaks_for_both(f"http://localhost:{port}", key, requests=len(answers))
        _whoever_is_looked_at_says_which_worker_it_is(f"http://localhost:{port}/thriftgate/status", key)
        _only_the_key_opens(f"http://localhost:{port}/v1/models", key)
    finally:
        up.send_signal(signal.SIGINT)
        code = up.wait(60)
    said = (folder / "up.log").read_text()
    assert code == 0, said
    assert "offline demo provider" in said
    assert key in said
    assert "Traceback" not in said
    for address in (port, demo_port):
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{address}/", timeout=2)
    assert not (folder / ".thriftgate" / "postgres" / "postmaster.pid").exists()
    assert (folder / ".thriftgate" / "master_key").stat().st_mode & 0o077 == 0


def _whoever_is_scraped_speaks_for_both(base_url: str, key: str, *, requests: int) -> None:
    def seen() -> tuple[float, float]:
        found = read_series(base_url, key)
        return total(found, "thriftgate_workers"), total(
            found, "thriftgate_requests_total", route="support", status="ok"
        )

    # What the worker that was not asked has counted is written every two seconds.
    assert eventually(lambda: [seen() for _ in range(6)] == [(2, requests)] * 6)


def _whoever_is_looked_at_says_which_worker_it_is(url: str, key: str) -> None:
    seen: dict[int, list[str]] = {}

    def both() -> bool:
        worker = httpx.get(url, headers=_bearer(key), timeout=60).json()["worker"]
        seen[worker["pid"]] = worker["knows_alone"]
        return len(seen) == 2

    assert eventually(both)
    assert all("outages" in alone for alone in seen.values())


def _only_the_key_opens(url: str, key: str) -> None:
    """As the lock has it: without LiteLLM's database, its optional parts and its proprietary ones."""
    opened = [httpx.get(url, headers=sent, timeout=60).status_code for sent in ({}, _bearer("sk-x"), _bearer(key))]
    assert opened == [401, 401, 200]


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _wait_for_key(up: subprocess.Popen[bytes], folder: Path, port: int) -> str:
    log = folder / "up.log"
    eventually(lambda: "Ctrl-C stops it" in log.read_text() or up.poll() is not None, _PATIENCE)
    assert "Ctrl-C stops it" in log.read_text(), f"up did not come up on port {port}:\n{log.read_text()}"
    return (folder / ".thriftgate" / "master_key").read_text().strip()


def _ask(port: int, key: str) -> httpx.Response:
    settle(0.5)  # the answer before this one is kept beside its request
    body = {"model": "support", "messages": [{"role": "user", "content": "How do I change my e-mail address?"}]}
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"http://localhost:{port}/v1/chat/completions", json=body, headers=headers, timeout=60)


def test_a_proxy_started_without_us_refuses_a_broken_configuration_with_words(folder: Path) -> None:
    config = {
        "model_list": [
            deployment("small", "http://127.0.0.1:9/v1"),
            {"model_name": "support", "litellm_params": {"model": "thriftgate/support"}},
        ],
        "litellm_settings": {
            "custom_provider_map": [{"provider": "thriftgate", "custom_handler": "thriftgate.proxy.plugin.routes"}]
        },
        "general_settings": {"master_key": MASTER_KEY},
        "callback_settings": {
            "thriftgate": {"routes": {"support": {"cascade": {"tiers": [{"model": "small"}], "acept_at": 0.7}}}}
        },
    }
    process = start_proxy(folder, config, free_port(), **FROM_PYTHON)
    code = process.wait(_PATIENCE)
    last_lines = (folder / "proxy.log").read_text().splitlines()[-4:]
    assert code == 2
    assert any("routes.support.cascade.acept_at" in line for line in last_lines), last_lines
    assert any("did you mean 'accept_at'" in line for line in last_lines), last_lines


def test_up_refuses_a_broken_configuration_before_it_starts_anything(folder: Path) -> None:
    (folder / "litellm_config.yaml").write_text(json.dumps({"model_list": []}))
    done = subprocess.run(
        [sys.executable, "-m", "thriftgate", "up"],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "custom_provider_map" in done.stderr
    assert not (folder / ".thriftgate").exists()
