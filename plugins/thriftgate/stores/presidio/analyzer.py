"""The analyzer that serves: a thread of its own, a bounded wait, and a memory of what was analysed.

The event loop only puts texts into a queue and awaits. What was analysed is remembered by its hash, in memory only: a
conversation that is sent again with one more turn costs one turn.

Failure behaviour: fails closed. What goes wrong while loading or analysing, or takes too long, reaches its caller as
PrivacyUnavailableError (503), without a word of the text; where a request would wait too long it is an OverloadedError
(503), and more text than that in one request an InvalidRequestError (400). Loading is tried again at the next call. A
costly text of one caller makes nobody else wait, and behind one that never ends another thread serves (`turns`).
"""

import asyncio
import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from thriftgate.errors import InvalidRequestError, OverloadedError, PrivacyUnavailableError
from thriftgate.patience import listening
from thriftgate.privacy.findings import Text
from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.presidio.turns import Engine, Findings, TextTurns

logger = logging.getLogger(__name__)

_MAX_WAITING = 2_000_000
"""Characters that may be analysed before a request is done, its own with them: about a minute of one core."""
_BUSY_SECONDS = 5.0
_LOAD_SECONDS = 180.0


class PresidioAnalyzer:
    """ports.PrivacyAnalyzer on a thread.

    Args:
        load: Makes the engine; called on the thread, at the first use or by `warm_up`.
        remembered: How many texts' findings are kept in memory.
        timeout: Seconds that a text may take; long ones a second more for each 2,000 characters.
        stop_loading: Ends what `load` waits for; called by `close`.
    """

    def __init__(
        self,
        load: Callable[[], Engine],
        *,
        remembered: int = 20_000,
        timeout: float = 10.0,
        stop_loading: Callable[[], None] = lambda: None,
    ) -> None:
        self._stop_loading = stop_loading
        self._remembered = remembered
        self._memory: OrderedDict[bytes, Sequence[TextSpan]] = OrderedDict()
        self._lock = threading.Lock()
        self._waiting: dict[str, dict[asyncio.Future[Findings], int]] = {}
        """By caller: characters of each request that waits."""
        self._turns = TextTurns(
            load,
            timeout=timeout,
            load_seconds=_LOAD_SECONDS,
            finished=self._remember,
        )

    async def warm_up(self) -> None:
        """Load now (seconds; the very first time, when the model is made 8-bit, some more).

        What goes wrong is raised, and is met again, and told, by the first request.
        """
        async with listening(_LOAD_SECONDS):
            await asyncio.wrap_future(self._turns.submit({}))

    async def analyze(self, texts: Sequence[Text], *, caller: str = "") -> list[Sequence[TextSpan]]:
        """The findings of each text, in the text's own positions. Never blocks the event loop."""
        keys = [_key(text) for text in texts]
        found = self._recall(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            found |= await self._analyze(missing, caller)
        return [found[key] for key in keys]

    def close(self) -> None:
        """End the thread after the text it is at, or what it waits for to load."""
        self._stop_loading()
        self._turns.close()

    def _recall(self, keys: Sequence[bytes]) -> dict[bytes, Sequence[TextSpan]]:
        found: dict[bytes, Sequence[TextSpan]] = {}
        with self._lock:
            for key in keys:
                spans = self._memory.get(key)
                if spans is not None:
                    self._memory.move_to_end(key)
                    found[key] = spans
        return found

    async def _analyze(self, texts: dict[bytes, Text], caller: str) -> Findings:
        size = sum(len(text.text) for text in texts.values())
        if size > _MAX_WAITING:
            told = f"a request with more than {_MAX_WAITING} new characters is not checked for personal data"
            raise InvalidRequestError(told, code="request_too_large")
        if self._before(size, caller) > _MAX_WAITING:
            raise OverloadedError("too much text waits to be checked for personal data", retry_after=_BUSY_SECONDS)
        job = asyncio.wrap_future(self._turns.submit(texts, caller))
        own = self._waiting.setdefault(caller, {})
        own[job] = size
        try:
            while not job.done():
                await asyncio.wait([job], timeout=self._turns.leave_late())
            return job.result()
        except Exception as error:
            # Neither the error's text nor its cause may leave: libraries put the text they choked on into it.
            logger.error("the check for personal data failed: %s", type(error).__name__)  # noqa: TRY400
            raise PrivacyUnavailableError("the check for personal data is not available; nothing was sent") from None
        finally:
            job.cancel()
            del own[job]
            if not own:
                del self._waiting[caller]

    def _before(self, size: int, caller: str) -> int:
        """Characters that are analysed before a new request of this size is done, its own with them.

        As all take turns, no other request of its caller is served more than itself by then, and no other caller more
        than its own.
        """
        own = size + sum(min(size, other) for other in self._waiting.get(caller, {}).values())
        return own + sum(min(own, sum(them.values())) for one, them in self._waiting.items() if one != caller)

    def _remember(self, key: bytes, spans: Sequence[TextSpan]) -> None:
        with self._lock:
            self._memory[key] = spans
            while len(self._memory) > self._remembered:
                self._memory.popitem(last=False)


def _key(text: Text) -> bytes:
    digest = hashlib.blake2b(text.text.encode("utf-8", "surrogatepass"), digest_size=16)
    digest.update(bytes((0, text.is_prose)) + text.label.encode("utf-8", "surrogatepass"))
    if text.languages is not None:
        digest.update(" ".join(("\0", *sorted(text.languages))).encode())
    return digest.digest()
