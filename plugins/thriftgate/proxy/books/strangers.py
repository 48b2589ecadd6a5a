"""Requests without a valid key: counted, and said once a minute instead of once each.

Failure behaviour: nothing is raised.
"""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

_EVERY = 60.0
_LITELLMS_LOGGERS = ("LiteLLM Proxy", "LiteLLM Proxy Stdout")
_LITELLMS_WORDS = "user_api_key_auth(): Exception occured"


class Strangers(logging.Filter):
    """Counts them, and lets one of LiteLLM's lines about them through a minute."""

    def __init__(self, *, count: Callable[[], None], monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._count = count
        self._monotonic = monotonic
        self._said_at = self._let_through_at = float("-inf")
        self._unsaid = 0

    def note(self) -> None:
        """One more."""
        self._count()
        self._unsaid += 1
        now = self._monotonic()
        if now - self._said_at >= _EVERY:
            logger.warning("%d requests without a valid key were refused; they leave no record", self._unsaid)
            self._said_at, self._unsaid = now, 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line of LiteLLM's is shown."""
        if _LITELLMS_WORDS not in str(record.msg):
            return True
        now = self._monotonic()
        if now - self._let_through_at < _EVERY:
            return False
        self._let_through_at = now
        return True

    def install(self) -> None:
        """From now on LiteLLM says so once a minute too."""
        for name in _LITELLMS_LOGGERS:
            logging.getLogger(name).filters.insert(0, self)  # whose line is not shown needs no other filter
