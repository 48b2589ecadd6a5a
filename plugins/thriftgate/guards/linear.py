"""Patterns whose search takes time in proportion to the text: RE2, typed.

Failure behaviour: half a character counts as an unknown one; a pattern that RE2 does not take raises ValueError when it
is made.
"""

import re
from collections.abc import Iterable
from typing import Any, cast

import re2

_HALVES = re.compile("[\ud800-\udfff]")


_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\x{30fc}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
_NO_LETTER = r"[^\pL\pM\pN_]"
_BORDER = rf"(?:{_NO_LETTER}|[{_UNSPACED}\p{{Hangul}}])"
"""RE2's own `\b` knows ASCII letters only. Beside a script that is written without blanks every word ends."""
_KOREAN_BORDER = rf"(?:{_NO_LETTER}|[{_UNSPACED}])"
_STARTS = re2.compile(rf"([{_UNSPACED}]|[^\pL\pM\pN_])|(\p{{Hangul}})")


class LinearPattern:
    """One pattern, in whatever case; where it has a group, what the group holds."""

    def __init__(self, pattern: str, *, group: int = 0) -> None:
        self._group = group
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
        return None if match is None else cast("tuple[int, int]", match.span(self._group))

    def count(self, text: str, *, most: int) -> int:
        """How often it is there, up to `most`."""
        count, at = 0, 0
        while count < most and (found := self.search(text, at)) is not None:
            count += 1
            at = max(found[1], at + 1)
        return count


def whole_words(phrases: Iterable[str]) -> list[LinearPattern]:
    """Patterns that find phrases as whole words in any script, with any blanks between their words.

    An edge that is a sign, or of a script without blanks, needs no border; behind Korean words stand particles.
    """
    by_borders: dict[tuple[str, str], list[str]] = {}
    for phrase in dict.fromkeys(phrases):
        first, last = _STARTS.match(phrase), _STARTS.match(phrase[-1])
        before = _BORDER if first is None else _KOREAN_BORDER if first[2] else ""
        by_borders.setdefault((before, "" if last is not None else _BORDER), []).append(phrase)
    return [
        LinearPattern(f"(?:^|{before})({'|'.join(map(_literal, found))})(?:$|{after})", group=1)
        for (before, after), found in by_borders.items()
    ]


def _literal(words: str) -> str:
    return r"[\s\pZ\p{Cf}]+".join(_escaped(word) for word in words.split())


def _escaped(word: str) -> str:
    escaped = "".join(char if char.isalnum() or char == "_" or ord(char) > 127 else f"\\{char}" for char in word)
    # In capitals one is the other.
    return re.sub("ss|[\u00df\u1e9e]", "(?:ss|\u00df)", escaped, flags=re.IGNORECASE)
