"""Vectors of what is suspect: by the model of attacks, and by the embedder beside attacks that the operator knows.

Failure behaviour: of a model of attacks that cannot be run, or that is silent for ten seconds, the windows have no
vectors, which is said with the reason (`Looked`); beside known attacks it is raised. Ten seconds those wait who ask
when it begins to hang, as while a process that builds its graph does. From then on nobody waits until it answers: every
ten seconds it is asked once more, and no request waits for that. A request whose texts have more windows that need one
than `MOST_WINDOWS` is such a failure for those that are left: the most suspect ones come first.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from thriftgate.errors import StoreUnavailableError
from thriftgate.guards.findings import Finding
from thriftgate.guards.injection import Piece, most_suspect, nearest
from thriftgate.patience import Patience
from thriftgate.ports import Embedder
from thriftgate.types import Vector

MOST_WINDOWS = 256
"""Of one request; some seconds of a core."""
_AT_ONCE = 16
"""Windows of one call: as long as others' calls are answered the model works, however long one's own turn takes."""
_SILENCE = 10.0
"""Seconds without any answer after which an embedder hangs: a call takes a fifth of one on a free core."""
_PAUSE = 10.0
"""Seconds after which one that hangs is asked once more."""
_EMBEDDED = 4
"""Windows of one text that are compared with known attacks: the most suspect ones."""
_QUIET = 0.03
"""Score by words below which a window of a long text is not compared."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of the windows of a request's texts."""

    vectors: Mapping[str, Vector] = field(default_factory=dict[str, Vector])
    """By the window's text."""
    missing: frozenset[bytes] = frozenset()
    """Keys of the texts of which a window that needs a vector has none."""
    failure: Exception | None = None


class AttackModel:
    """The model of attacks, as requests ask it: together as long as it takes, but none for long while it hangs."""

    def __init__(self, model: Embedder, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._model = _Patiently(model, clock)

    async def look_at(self, needed: Mapping[bytes, Sequence[Piece]]) -> Looked:
        """The vectors of the windows that need one, by their texts' keys."""
        if not any(needed.values()):
            return Looked()
        all_of_them = [piece for pieces in needed.values() for piece in pieces]
        worst_first = most_suspect(all_of_them, len(all_of_them))
        wanted = list(dict.fromkeys(piece.text for piece in worst_first))
        vectors: dict[str, Vector] = {}
        failure: Exception | None = None
        try:
            async for some in self._model.embed(wanted[:MOST_WINDOWS]):
                vectors |= some
        except Exception as error:
            failure = error
        missing = frozenset(key for key, pieces in needed.items() if any(piece.text not in vectors for piece in pieces))
        if missing and failure is None:
            failure = StoreUnavailableError("a request had more windows than are looked at")
        return Looked(vectors, missing, failure)


class _Patiently:
    """Asks an embedder a few texts at a time, and waits as long as it answers anybody."""

    def __init__(self, embedder: Embedder, clock: Callable[[], float]) -> None:
        self._embedder = embedder
        self._clock = clock
        self._patience = Patience()
        self._hung: tuple[float, asyncio.Future[Any]] | None = None
        """What it does not answer, and when it was asked that."""

    async def embed(self, texts: Sequence[str]) -> AsyncGenerator[Mapping[str, Vector]]:
        """The vectors by their texts, as they come. Raises what the embedder does, and StoreUnavailableError."""
        for first in range(0, len(texts), _AT_ONCE):
            some = texts[first : first + _AT_ONCE]
            yield dict(zip(some, await self._rows(some), strict=True))

    async def _rows(self, texts: Sequence[str]) -> Iterable[Vector]:
        if self._is_hanging(texts):
            raise StoreUnavailableError("the embedder has not answered since a while ago")
        call = self._asked(texts)
        is_left = False
        try:
            if await self._patience.silent(cast("asyncio.Future[object]", call), _SILENCE, clock=self._clock):
                is_left = self._hung is None
                if is_left:
                    self._hung = self._clock(), call
                raise StoreUnavailableError("the embedder is silent")
            return call.result()
        finally:
            if not is_left:
                call.cancel()

    def _is_hanging(self, texts: Sequence[str]) -> bool:
        if self._hung is None:
            return False
        since, call = self._hung
        if call.done():
            self._hung = None
            return False
        if self._clock() >= since + _PAUSE:
            call.cancel()  # that one may be lost
            self._hung = self._clock(), self._asked(texts[:1])
        return True

    def _asked(self, texts: Sequence[str]) -> "asyncio.Future[Any]":
        call = asyncio.ensure_future(self._embedder.embed(texts))
        call.add_done_callback(_seen)
        return call


def _seen(call: "asyncio.Future[Any]") -> None:
    """Whether or not anybody waits for it, its error was looked at."""
    if not call.cancelled():
        call.exception()


class KnownAttacks:
    """The operator's own list; each of it is embedded once."""

    def __init__(
        self, embedder: Embedder, texts: Sequence[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._embedder = _Patiently(embedder, clock)
        self._texts = texts
        self._vectors: Sequence[Vector] | None = None

    async def near(self, read: Mapping[bytes, Sequence[Piece]]) -> Mapping[bytes, Finding]:
        """How near each text comes to one of them, by its key. Raises what the embedder raises."""
        chosen = {key: _loud(pieces) for key, pieces in read.items()}
        wanted = list(dict.fromkeys(piece.text for pieces in chosen.values() for piece in pieces))
        if not wanted:
            return {}
        vectors = await self._vectors_of(wanted)
        if self._vectors is None:
            own = await self._vectors_of(list(dict.fromkeys(self._texts)))
            self._vectors = list(own.values())
        found = {key: nearest(vectors, pieces, self._vectors) for key, pieces in chosen.items()}
        return {key: one for key, one in found.items() if one is not None}

    async def _vectors_of(self, texts: Sequence[str]) -> Mapping[str, Vector]:
        return {text: row async for some in self._embedder.embed(texts) for text, row in some.items()}


def _loud(pieces: Iterable[Piece]) -> Sequence[Piece]:
    """A text's most suspect windows; of a long text without those that say nothing."""
    pieces = list(pieces)
    some = most_suspect(pieces, _EMBEDDED)
    return some if len(pieces) <= _EMBEDDED else [one for one in some if one.score > _QUIET] or some[:1]
