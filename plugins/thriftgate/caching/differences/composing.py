"""Composed and decomposed Unicode, in linear time.

Python sorts the marks on a letter by inserting one after the other: 40,000 of them take five seconds. No writing puts
more than a few on one letter, and Unicode's own format for streams has thirty at most; a text with more stays as it is.

Failure behaviour: pure and total.
"""

import unicodedata

_TOO_MANY = b"\x01" * 31
_IS_SORTED = bytes([0, *[1] * 255])
"""Of each class of marks, whether its marks are sorted; class 0 is of what begins anew."""


def composed(text: str) -> str:
    """Each letter and its marks as one character where there is one (NFC)."""
    return unicodedata.normalize("NFC", text) if _is_sortable(text) else text


def decomposed(text: str) -> str:
    """Each letter apart from its marks (NFD)."""
    return unicodedata.normalize("NFD", text) if _is_sortable(text) else text


def _is_sortable(text: str) -> bool:
    return text.isascii() or _TOO_MANY not in bytes(map(unicodedata.combining, text)).translate(_IS_SORTED)
