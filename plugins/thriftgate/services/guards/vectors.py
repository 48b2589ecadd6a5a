"""Vectors of what is suspect: by the model of attacks, and by the embedder beside attacks that the operator knows.

Failure behaviour: of a model that cannot be run the windows have no vectors, which is said with the reason
(`Looked`); nothing is raised. A request whose texts have more windows that need one than `MOST_WINDOWS` is such a
failure for those that are left: the most suspect ones come first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from thriftgate.errors import StoreUnavailableError
from thriftgate.guards.findings import Finding
from thriftgate.guards.injection import Piece, most_suspect, nearest
from thriftgate.ports import Embedder
from thriftgate.types import Vector

MOST_WINDOWS = 256
"""Of one request; some seconds of a core."""
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


async def look_at(model: Embedder, needed: Mapping[bytes, Sequence[Piece]]) -> Looked:
    """The vectors of the windows that need one, by their texts' keys."""
    if not any(needed.values()):
        return Looked()
    all_of_them = [piece for pieces in needed.values() for piece in pieces]
    worst_first = most_suspect(all_of_them, len(all_of_them))
    wanted = list(dict.fromkeys(piece.text for piece in worst_first))
    try:
        rows = await model.embed(wanted[:MOST_WINDOWS])
    except Exception as error:
        return Looked(missing=frozenset(key for key, pieces in needed.items() if pieces), failure=error)
    vectors = dict(zip(wanted, rows, strict=False))
    missing = frozenset(key for key, pieces in needed.items() if any(piece.text not in vectors for piece in pieces))
    failure = StoreUnavailableError("a request had more windows than are looked at") if missing else None
    return Looked(vectors, missing, failure)


class KnownAttacks:
    """The operator's own list; each of it is embedded once."""

    def __init__(self, embedder: Embedder, texts: Sequence[str]) -> None:
        self._embedder = embedder
        self._texts = texts
        self._vectors: Sequence[Vector] | None = None

    async def near(self, read: Mapping[bytes, Sequence[Piece]]) -> Mapping[bytes, Finding]:
        """How near each text comes to one of them, by its key. Raises what the embedder raises."""
        chosen = {key: _loud(pieces) for key, pieces in read.items()}
        wanted = list(dict.fromkeys(piece.text for pieces in chosen.values() for piece in pieces))
        if not wanted:
            return {}
        vectors = dict(zip(wanted, await self._embedder.embed(wanted), strict=True))
        if self._vectors is None:
            self._vectors = list(await self._embedder.embed(list(self._texts)))
        found = {key: nearest(vectors, pieces, self._vectors) for key, pieces in chosen.items()}
        return {key: one for key, one in found.items() if one is not None}


def _loud(pieces: Iterable[Piece]) -> Sequence[Piece]:
    """A text's most suspect windows; of a long text without those that say nothing."""
    pieces = list(pieces)
    some = most_suspect(pieces, _EMBEDDED)
    return some if len(pieces) <= _EMBEDDED else [one for one in some if one.score > _QUIET] or some[:1]
