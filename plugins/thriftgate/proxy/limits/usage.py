"""Finds out what an answer has used, from its bytes on their way to the client.

The three APIs say it in their last event or in the body; only where the word stands is anything parsed. A stream that
breaks off or says nothing is counted by its events: a provider sends about one for each token.

Failure behaviour: total; what cannot be read is not known. A body is read up to `_MOST_BYTES`.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from thriftgate.limits.estimate import TokenEstimate

_MOST_BYTES = 4 * 1024 * 1024
_MOST_HELD = 256 * 1024
"""Of an event that comes in pieces; a longer one is no usage."""
_WORD = b'"usage"'


class UsageReader:
    """Reads one answer, chunk by chunk."""

    def __init__(self, *, is_stream: bool) -> None:
        self._is_stream = is_stream
        self._held = bytearray()
        self._is_too_long = False
        self._prompt = 0
        self._completion = 0
        self.events = 0
        """Data events of a stream so far."""

    def feed(self, chunk: bytes) -> None:
        """The next bytes."""
        if not self._is_stream:
            self._is_too_long = self._is_too_long or len(self._held) + len(chunk) > _MOST_BYTES
            if not self._is_too_long:
                self._held += chunk
            return
        self.events += chunk.count(b"data: ")
        complete, newline, rest = (bytes(self._held) + chunk).rpartition(b"\n")
        if _WORD in complete:
            for line in complete.split(b"\n"):
                if line.startswith(b"data: ") and _WORD in line:
                    self._note(line[6:])
        self._held = bytearray(rest if newline else complete + rest)
        if len(self._held) > _MOST_HELD:
            self._held.clear()

    def found(self) -> TokenEstimate | None:
        """What the answer says it used; None where it does not say."""
        if not self._is_stream and self._held and not self._is_too_long and _WORD in self._held:
            self._note(bytes(self._held))
            self._held.clear()
        if self._prompt <= 0 and self._completion <= 0:
            return None
        return TokenEstimate(float(self._prompt), float(self._completion))

    def _note(self, data: bytes) -> None:
        try:
            read: object = json.loads(data)
        except ValueError:
            return
        for usage in _usages(read):
            self._prompt = max(self._prompt, _prompt_of(usage))
            self._completion = max(self._completion, _count(usage, "completion_tokens", "output_tokens"))


def _usages(read: object) -> list[Mapping[str, Any]]:
    """`usage` of a body or an event, where one of the APIs puts it."""
    found: list[Mapping[str, Any]] = []
    if isinstance(read, Mapping):
        body = cast("Mapping[str, object]", read)
        for place in (body, body.get("message"), body.get("response")):
            usage = cast("Mapping[str, object]", place).get("usage") if isinstance(place, Mapping) else None
            if isinstance(usage, Mapping):
                found.append(cast("Mapping[str, Any]", usage))
    return found


def _prompt_of(usage: Mapping[str, Any]) -> int:
    if "prompt_tokens" in usage:
        return _count(usage, "prompt_tokens")
    # Anthropic counts what its cache wrote and read beside the rest; the Responses API within it.
    return sum(
        _count(usage, name) for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    )


def _count(usage: Mapping[str, Any], *names: str) -> int:
    values = (usage.get(name) for name in names)
    return next((value for value in values if isinstance(value, int) and not isinstance(value, bool) and value > 0), 0)
