"""The analyzer that serves: a thread of its own, a bounded queue, and a memory of what was analysed.

The event loop only puts texts into a queue and awaits. What was analysed is remembered by its hash, in memory only: a
conversation that is sent again with one more turn costs one turn.

Failure behaviour: fails closed. What goes wrong while loading or analysing reaches every caller as
PrivacyUnavailableError (503), without a word of the text; a full queue is an OverloadedError (503). Loading is tried
again at the next call.
"""

import asyncio
import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from thriftgate.errors import OverloadedError, PrivacyUnavailableError
from thriftgate.privacy.findings import Text
from thriftgate.privacy.spans import TextSpan

logger = logging.getLogger(__name__)

Engine = Callable[[Text], Sequence[TextSpan]]
"""Finds what is in one text."""
_MAX_WAITING = 2_000_000
"""Characters that may wait to be analysed, all requests together: about twenty seconds of one core."""
_BUSY_SECONDS = 5.0


class PresidioAnalyzer:
    """ports.PrivacyAnalyzer on a thread.

    Args:
        load: Makes the engine; called on the thread, at the first use or by `warm_up`.
        remembered: How many texts' findings are kept in memory.
    """

    def __init__(self, load: Callable[[], Engine], *, remembered: int = 20_000) -> None:
        self._load = load
        self._engine: Engine | None = None
        self._remembered = remembered
        self._memory: OrderedDict[bytes, tuple[TextSpan, ...]] = OrderedDict()
        self._lock = threading.Lock()
        self._waiting = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="privacy")

    def warm_up(self) -> None:
        """Begin to load now; a failure is met again, and told, by the first request."""
        self._thread.submit(self._loaded)

    async def analyze(self, texts: Sequence[Text]) -> list[Sequence[TextSpan]]:
        """The findings of each text, in the text's own positions. Never blocks the event loop."""
        keys = [_key(text) for text in texts]
        found = self._recall(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            found |= await self._analyze(missing)
        return [found[key] for key in keys]

    def close(self) -> None:
        """End the thread after the text it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _recall(self, keys: Sequence[bytes]) -> dict[bytes, tuple[TextSpan, ...]]:
        found: dict[bytes, tuple[TextSpan, ...]] = {}
        with self._lock:
            for key in keys:
                spans = self._memory.get(key)
                if spans is not None:
                    self._memory.move_to_end(key)
                    found[key] = spans
        return found

    async def _analyze(self, texts: dict[bytes, Text]) -> dict[bytes, tuple[TextSpan, ...]]:
        size = sum(len(text.text) for text in texts.values())
        if self._waiting and self._waiting + size > _MAX_WAITING:
            raise OverloadedError("too much text waits to be checked for personal data", retry_after=_BUSY_SECONDS)
        self._waiting += size
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, texts)
        except Exception as error:
            # Neither the error's text nor its cause may leave: libraries put the text they choked on into it.
            logger.error("the check for personal data failed: %s", type(error).__name__)  # noqa: TRY400
            raise PrivacyUnavailableError("the check for personal data is not available; nothing was sent") from None
        finally:
            self._waiting -= size

    def _run(self, texts: dict[bytes, Text]) -> dict[bytes, tuple[TextSpan, ...]]:
        engine = self._loaded()
        found = {key: tuple(engine(text)) for key, text in texts.items()}
        with self._lock:
            self._memory.update(found)
            while len(self._memory) > self._remembered:
                self._memory.popitem(last=False)
        return found

    def _loaded(self) -> Engine:
        if self._engine is None:
            self._engine = self._load()
        return self._engine


def _key(text: Text) -> bytes:
    digest = hashlib.blake2b(text.text.encode("utf-8", "surrogatepass"), digest_size=16)
    digest.update(b"\0" + text.label.encode("utf-8", "surrogatepass"))
    return digest.digest()
