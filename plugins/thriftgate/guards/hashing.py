"""Words, pairs of words and parts of words as numbers, without a dictionary: the hashing trick.

Source: Weinberger et al., "Feature hashing for large scale multitask learning", 2009; without the sign, as the
classes here are told apart by presence.

Failure behaviour: pure and total; linear in the length of the text.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping
from zlib import crc32

BUCKETS = 1 << 15
_WORD = re.compile(r"\w+|[^\w\s]")
_LONGEST = 40
"""Characters of a word that are looked at."""


_W, _B, _C = crc32(b"w"), crc32(b"b"), crc32(b"c")
"""Of words, of pairs and of parts: a checksum goes on where another ended."""


def hashed(text: str) -> Mapping[int, float]:
    """Bucket → weight: 1 + log of the count, the whole of length 1. Empty for a text without words."""
    names: list[int] = []
    previous = b""
    for whole in _WORD.findall(text.lower()):
        word: str = whole[:_LONGEST]
        written = word.encode("utf-8", "replace")
        names += (crc32(written, _W), crc32(previous + b" " + written, _B))
        previous = written
        if len(word) > 3:
            names += _parts_of_ascii(b"<" + written + b">") if word.isascii() else _parts(f"<{word}>")
    found: dict[int, float] = {}
    for name, count in Counter(names).items():
        bucket = name % BUCKETS
        found[bucket] = found.get(bucket, 0.0) + (1.0 if count == 1 else 1.0 + math.log(count))
    norm = math.sqrt(sum([value * value for value in found.values()]))
    return {bucket: value / norm for bucket, value in found.items()} if norm else {}


def _parts(padded: str) -> list[int]:
    """Of three, four and five characters."""
    return [
        crc32(padded[start : start + size].encode("utf-8", "replace"), _C)
        for size in (3, 4, 5)
        for start in range(len(padded) - size + 1)
    ]


def _parts_of_ascii(padded: bytes) -> list[int]:
    """The same: a character is one byte, and a longer part goes on where a shorter one ended."""
    found: list[int] = []
    last = len(padded) - 4
    for at in range(last):
        three = crc32(padded[at : at + 3], _C)
        four = crc32(padded[at + 3 : at + 4], three)
        found += (three, four, crc32(padded[at + 4 : at + 5], four))
    three = crc32(padded[last : last + 3], _C)
    found += (three, crc32(padded[last + 3 :], three), crc32(padded[last + 1 :], _C))
    return found
