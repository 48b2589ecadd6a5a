"""A server on sockets that outlive it, without LiteLLM behind it; see test_serving.py."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

from thriftgate.proxy import serving

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Gateway:
    """One whose models are there when the file `may_load` is, in the folder that `SLOW_MODELS` names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def loaded(self) -> None:
        (self._folder / "loading").touch()
        while not (self._folder / "may_load").exists():  # noqa: ASYNC110  another process makes it
            await asyncio.sleep(0.01)
        (self._folder / "loaded").touch()


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    """Says its process id as often as the query wants, twice a second."""
    if scope["type"] == "lifespan":
        if folder := os.environ.get("SLOW_MODELS"):
            sys.modules["thriftgate.proxy.plugin"] = cast(
                "ModuleType", SimpleNamespace(finish_start=Gateway(Path(folder)).loaded)
            )
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for number in range(int(scope["query_string"].rstrip(b"="))):
        await asyncio.sleep(0.5 if number else 0)
        await send({"type": "http.response.body", "body": b"%d\n" % os.getpid(), "more_body": True})
    await send({"type": "http.response.body", "body": b"end"})


if __name__ in ("__main__", "__mp_main__"):
    serving.install()

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(
        "tests.unit.proxy.served_app:app",
        workers=int(sys.argv[1]),
        timeout_worker_healthcheck=60,
        timeout_keep_alive=60,  # a connection outlives the start of another server, however long that takes
        port=9,
        lifespan="on",
    )
