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


def hashed(text: str) -> Mapping[int, float]:
    """Bucket → weight: 1 + log of the count, the whole of length 1. Empty for a text without words."""
    words = [word[:_LONGEST] for word in _WORD.findall(text.lower())]
    counts: Counter[bytes] = Counter()
    previous = ""
    for word in words:
        counts[f"w{word}".encode("utf-8", "replace")] += 1
        counts[f"b{previous} {word}".encode("utf-8", "replace")] += 1
        previous = word
        if len(word) > 3:
            padded = f"<{word}>"
            for size in (3, 4, 5):
                for start in range(len(padded) - size + 1):
                    counts[b"c" + padded[start : start + size].encode("utf-8", "replace")] += 1
    found: dict[int, float] = {}
    for name, count in counts.items():
        bucket = crc32(name) % BUCKETS
        found[bucket] = found.get(bucket, 0.0) + 1.0 + math.log(count)
    norm = math.sqrt(sum(value * value for value in found.values()))
    return {bucket: value / norm for bucket, value in found.items()} if norm else {}
