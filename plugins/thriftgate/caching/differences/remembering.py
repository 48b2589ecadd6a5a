"""What was seen in a text is remembered for a while: a look-up compares one question with many, again and again."""

from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")

_SHORT = 500
"""Characters. What is seen in a text takes thirty times its memory: of long ones few are remembered."""
_SHORT_TEXTS = 512
_LONG_TEXTS = 32
"""The question and the neighbours of a look-up."""


class Remembered(Generic[T]):
    """A function of a text that remembers what it said of the texts asked for last; safe to use from several threads.

    Args:
        see: A pure function.
    """

    def __init__(self, see: Callable[[str], T]) -> None:
        self.__doc__ = see.__doc__
        self._short = lru_cache(maxsize=_SHORT_TEXTS)(see)
        self._long = lru_cache(maxsize=_LONG_TEXTS)(see)

    def __call__(self, text: str) -> T:
        """What there is to see in the text."""
        return self._short(text) if len(text) <= _SHORT else self._long(text)

    def cache_clear(self) -> None:
        """Forget every text."""
        self._short.cache_clear()
        self._long.cache_clear()
