"""What others take for the same: LiteLLM's own caches and Portkey's gateway, where this machine has what they need.

LiteLLM's `redis-semantic` cache is not among them: it needs a Redis with the query engine and an embedding model, and
no such Redis is to be had here. Nor are Portkey's streams: on Node 20 its package answers each with a 500 of its own.
"""

import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from evals.benchmarks.proxies import Proxy, bare, one_process, running

_PORTKEY = "1.15.2"
_FOLDER = Path(".tools") / "portkey"


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody else's gateway, and what it is asked."""

    name: str
    proxy: Proxy
    questions: Literal["different", "same"]


@contextmanager
def peers(folder: Path, upstream_url: str, port: int) -> Generator[list[Peer]]:
    """All that can be started here, on ports from `port` on."""
    with ExitStack() as stack:
        local = stack.enter_context(bare(folder / "local", upstream_url, port, cache={"type": "local"}))
        found = [Peer("LiteLLM's own exact hit (`local` cache)", local, "same")]
        if shutil.which("redis-server"):
            stack.enter_context(_redis(folder / "redis", port + 1))
            params: Mapping[str, object] = {"type": "redis", "host": "127.0.0.1", "port": port + 1}
            proxy = stack.enter_context(bare(folder / "with-redis", upstream_url, port + 2, cache=params))
            found.append(Peer("LiteLLM's own exact hit (`redis` cache)", proxy, "same"))
        if shutil.which("npm"):
            portkey = stack.enter_context(_portkey(folder / "portkey", upstream_url, port + 3))
            found.append(Peer("Portkey's gateway, nothing on", portkey, "different"))
        yield found


@contextmanager
def _redis(folder: Path, port: int) -> Generator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with running(["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1"], folder, {}):
        yield


@contextmanager
def _portkey(folder: Path, upstream_url: str, port: int) -> Generator[Proxy]:
    """Portkey's open-source gateway from npm, told by headers where its provider is."""
    code = (_FOLDER / "node_modules/@portkey-ai/gateway/build/start-server.js").absolute()
    if not code.exists():
        install = ["npm", "install", "--silent", "--prefix", str(_FOLDER), f"@portkey-ai/gateway@{_PORTKEY}"]
        subprocess.run(install, check=True)
    folder.mkdir(parents=True, exist_ok=True)
    argv = ["node", str(code), f"--port={port}", "--headless"]
    with one_process("portkey", argv, folder, port, path="/", environ={"TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}) as proxy:
        yield replace(proxy, headers={"x-portkey-provider": "openai", "x-portkey-custom-host": upstream_url})
