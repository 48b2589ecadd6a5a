"""Patterns whose search takes time in proportion to the text: RE2, typed.

Failure behaviour: half a character counts as an unknown one; a pattern that RE2 does not take raises ValueError when it
is made.
"""

import re
from typing import Any, cast

import re2

_HALVES = re.compile("[\ud800-\udfff]")


class LinearPattern:
    """One pattern, in whatever case."""

    def __init__(self, pattern: str) -> None:
        options = re2.Options()
        options.log_errors = False
        try:
            self._compiled: Any = re2.compile(f"(?i){pattern}", options)
        except re2.error:
            raise ValueError(
                "must be a pattern of the linear engine RE2, without look-around or back references"
            ) from None

    def search(self, text: str, at: int = 0) -> tuple[int, int] | None:
        """The first place from `at` on."""
        try:
            match = self._compiled.search(text, at)
        except UnicodeEncodeError:  # halves of characters, which JSON may hold and RE2 does not take
            match = self._compiled.search(_HALVES.sub("\ufffd", text), at)
        return None if match is None else cast("tuple[int, int]", (match.start(), match.end()))

    def count(self, text: str, *, most: int) -> int:
        """How often it is there, up to `most`."""
        count, at = 0, 0
        while count < most and (found := self.search(text, at)) is not None:
            count += 1
            at = max(found[1], at + 1)
        return count


def literal(words: str) -> str:
    """The pattern of a phrase, with any blanks between its words."""
    return r"\s+".join(_escaped(word) for word in words.split())


def _escaped(word: str) -> str:
    return "".join(char if char.isalnum() or char == "_" or ord(char) > 127 else f"\\{char}" for char in word)
