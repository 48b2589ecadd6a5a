"""A real browser for tests: Debian's headless Chromium, driven over its DevTools protocol.

Small on purpose: what a test needs is to go somewhere, press keys, look at the document and take a picture.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

BINARY = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
"""None when there is no browser on this machine."""
_PATIENCE = 60.0
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--force-color-profile=srgb", "--remote-allow-origins=*",
)  # fmt: skip
_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}


class Tab:
    """One tab, as a user has it in front of them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._count = 0
        self.events: list[dict[str, Any]] = []
        """What the browser said by itself, in order: console messages, requests, answers."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        self._count += 1
        self._connection.send(json.dumps({"id": self._count, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(timeout=_PATIENCE))
            if message.get("id") == self._count:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self.events.append(message)

    def go(self, url: str) -> None:
        """Go there, and wait until it is loaded."""
        with self.loading():
            result = self.call("Page.navigate", url=url)
            assert "errorText" not in result, result

    @contextmanager
    def loading(self) -> Generator[None]:
        """Wait for the page that something within leads to."""
        seen = len(self.events)
        yield
        deadline = time.monotonic() + _PATIENCE
        while not any(event["method"] == "Page.loadEventFired" for event in self.events[seen:]):
            assert time.monotonic() < deadline, "the page did not load"
            self.events.append(json.loads(self._connection.recv(timeout=_PATIENCE)))

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, (expression, result["exceptionDetails"])
        return result["result"].get("value")

    def text(self, selector: str = "body") -> str:
        """What a user reads there."""
        return self.value(f"document.querySelector({json.dumps(selector)}).innerText")

    def until(self, expression: str) -> None:
        """Wait for a JavaScript expression to become true."""
        look = f"const look = () => ({expression}) ? resolve(true) : setTimeout(look, 10); look()"
        self.value(f"new Promise(resolve => {{ {look} }})")

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.call("Input.insertText", text=text)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key."""
        event: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        event["modifiers"] = 8 if shift else 0
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **event, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def click(self, selector: str) -> None:
        """Click in the middle of something, with the mouse."""
        x, y = self.value(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            " found.scrollIntoView({block: 'center'}); const box = found.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def resize(self, width: int, height: int = 800) -> None:
        """A window of so many CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def prefer(self, **features: str) -> None:
        """Media features of the user, such as `color_scheme="dark"`."""
        named = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=named)

    def scripts(self, *, allowed: bool) -> None:
        """Let pages run scripts, or not."""
        self.call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def cookies(self) -> list[dict[str, Any]]:
        """All cookies that the browser holds, also those that scripts cannot see."""
        return self.call("Network.getAllCookies")["cookies"]

    def forget_cookies(self) -> None:
        """As if the browser had never been anywhere."""
        self.call("Network.clearBrowserCookies")

    def tree(self) -> list[dict[str, Any]]:
        """The page as assistive technology sees it: role, name and properties of everything that is not ignored."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": node["role"]["value"],
                "name": node.get("name", {}).get("value", ""),
                **{one["name"]: one["value"].get("value") for one in node.get("properties", ())},
            }
            for node in nodes
            if not node["ignored"] and "role" in node
        ]

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """A PNG of the page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """What the browser wrote to its console: refused by the policy, not found, errors."""
        entries = [event["params"]["entry"] for event in self.events if event["method"] == "Log.entryAdded"]
        return [f"{entry['level']}: {entry['text']}" for entry in entries if entry["level"] in ("error", "warning")]


@contextmanager
def open_tab() -> Generator[Tab]:
    """A fresh browser with one tab; both end with the block."""
    assert BINARY is not None
    folder = Path(tempfile.mkdtemp(prefix="thriftgate-chromium-"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [BINARY, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HOME": str(folder)},
        )
    try:
        with connect(_address(process, folder / "log"), max_size=None, open_timeout=_PATIENCE) as connection:
            yield Tab(connection)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """The WebSocket of the browser's first tab."""
    import httpx

    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"DevTools listening on ws://([^/]+)/", log.read_text(errors="replace"))
        if found:
            tabs = httpx.get(f"http://{found[1]}/json/list", timeout=_PATIENCE).json()
            pages = [tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"]
            if pages:
                return pages[0]
        time.sleep(0.05)
    raise AssertionError(f"Chromium did not start: {log.read_text(errors='replace')[-2000:]}")
