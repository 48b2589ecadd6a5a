"""The Embedder for installations short of CPU: static vectors, a twentieth of MiniLM's CPU and fewer hits.

A question is embedded where it is asked, on the event loop: that takes less time than a way to a thread and back.
Longer texts, and many at once, are embedded on a thread of its own, a few at a time, so that none waits for long.

Failure behaviour: what goes wrong reaches the caller as StoreUnavailableError; a caller that is cancelled leaves the
others alone. The vectors are loaded at the first use or by `warm_up()`; missing ones are a ConfigurationError when the
embedder is made.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from thriftgate.errors import StoreUnavailableError
from thriftgate.stores.recent_vectors import RecentVectors
from thriftgate.stores.wordllama.files import find_wordllama
from thriftgate.stores.wordllama.model import DIMENSIONS, WordLlama, fingerprint_of_wordllama
from thriftgate.types import Vector

_Result = TypeVar("_Result")

ON_THE_LOOP = 500
"""Characters of all texts together up to which the event loop does it: 0.2 to 0.4 ms, and 0.6 ms of the worst text."""
_FEW = 4
"""Texts that the event loop does at once."""
_ROUND = 32
"""Texts after which a caller lets others take their turn on the thread."""


class FastEmbedder:
    """Embeds texts with the static vectors of the installed wheel (ports.Embedder).

    Args:
        cache_size: How many recent vectors are remembered (1.1 kB each); 0 for none.
    """

    def __init__(self, *, cache_size: int = 10_000) -> None:
        self._files = find_wordllama()
        self._recent = RecentVectors(cache_size)
        self._lock = threading.Lock()  # one thread loads
        self._model: WordLlama | None = None
        self._is_closed = False
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="thriftgate-embedder")

    @property
    def fingerprint(self) -> str:
        """Names vectors, pooling and window, in lower-case letters, digits and hyphens."""
        return fingerprint_of_wordllama(self._files)

    @property
    def dimensions(self) -> int:
        """Length of every vector: 256."""
        return DIMENSIONS

    def cached(self, text: str) -> Vector | None:
        """The (read-only) vector of a recently embedded text; None when it must be computed."""
        return self._recent.get(text)

    async def warm_up(self) -> None:
        """Load the vectors (a third of a second)."""
        await self._beside(self._loaded)

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), 256), rows of length 1, in the order of `texts`.

        The vector of a text does not depend on the texts beside it. Raises StoreUnavailableError when the vectors
        cannot be read.
        """
        known = {text: self._recent.get(text) for text in texts}
        missing = [text for text, vector in known.items() if vector is None]
        is_short = len(missing) <= _FEW and sum(map(len, missing)) <= ON_THE_LOOP
        if is_short and self._model is not None and not self._is_closed:
            known |= self._computed(missing)
        else:
            for start in range(0, len(missing), _ROUND):
                part = missing[start : start + _ROUND]
                known |= await self._beside(lambda part=part: self._computed(part))
        if not texts:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        return np.stack([vector for text in texts if (vector := known[text]) is not None])

    async def close(self) -> None:
        """End the thread after what it is at. Nothing can be embedded afterwards."""
        self._is_closed = True
        await asyncio.to_thread(self._worker.shutdown, wait=True, cancel_futures=True)

    async def _beside(self, work: Callable[[], _Result]) -> _Result:
        if self._is_closed:
            raise _closed()
        try:
            return await asyncio.wrap_future(self._worker.submit(work))
        except asyncio.CancelledError:
            if self._is_closed and not _is_cancelled_itself():
                raise _closed() from None
            raise
        except Exception as error:
            raise StoreUnavailableError(f"the fast embedder failed ({type(error).__name__})") from error

    def _computed(self, texts: Sequence[str]) -> dict[str, Vector]:
        model = self._loaded()
        vectors = {text: model.vector(text) for text in texts}
        for text, vector in vectors.items():
            self._recent.put(text, vector)
        return vectors

    def _loaded(self) -> WordLlama:
        with self._lock:
            if self._model is None:
                self._model = WordLlama(self._files)
            return self._model


def _is_cancelled_itself() -> bool:
    """Whether it is the caller that was cancelled, and not what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _closed() -> StoreUnavailableError:
    return StoreUnavailableError("the fast embedder is closed")
