"""What a start leaves in memory is kept out of later collections or given back, and what is looked for is noted once.

A start makes some 700,000 objects (LiteLLM's modules and types) and builds models from files; both leave marks that
stay for the life of a worker unless somebody tidies up once.

Failure behaviour: nothing here can fail a start; another C library than glibc is left as it is.
"""

import ctypes
import gc
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import cast

from starlette.types import ASGIApp, Message, Scope

_OPTIONAL = "litellm_enterprise"
"""LiteLLM imports it anew with every request, and lives without it."""


def note_what_is_absent() -> None:
    """Let an import of what is not installed fail at once, and not after a look into every folder of the module path.

    Each of these looks lets other threads run: beside one that works hard, each costs the loop a turn of 5 ms.
    """
    if _OPTIONAL not in sys.modules and find_spec(_OPTIONAL) is None:
        sys.modules[_OPTIONAL] = cast("ModuleType", None)  # Python's own mark for it


async def look_at_routes(router: ASGIApp) -> None:
    """Let FastAPI make now, 130,000 objects, what it otherwise makes of all routes while the first client waits."""
    path = "/of-no-route"
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "client": None,
        "server": None,
        "state": {},
    }

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        """That there is none."""

    await router(scope, receive, send)


def tidy_after_start() -> None:
    """Call it when a start is over; takes half a second."""
    gc.collect()
    # What is there now stays until the end: the collector need not walk through it with every request's garbage.
    gc.freeze()
    # A full collection waits until a quarter as many objects are new as the last one saw. That one saw those frozen
    # since, so that the garbage of thousands of requests would wait for it; this one sees next to nothing.
    gc.collect()
    _give_back()


def _give_back() -> None:
    """Let glibc return the pages that it keeps of what was freed: it returns by itself only the end of its heap."""
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim(0)
