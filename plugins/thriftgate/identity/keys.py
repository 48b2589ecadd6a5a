"""What a key looks like, and how it is known again without being kept.

    sk-tg-  3fK9aB2xYzQ  …43 characters…  0aB9Zx
    prefix  id           secret           checksum

The id is public: lists, logs and the ledger name a key by it. The secret has 256 bits of chance, so a fast hash is
enough to keep it by: nobody can try 2^256 of them, which is what slow hashes are for. The checksum refuses a
mistyped or invented key without asking the database, and lets scanners of source code be sure of a find.

A key that was made elsewhere (by LiteLLM, say) and came here by its SHA-256 has the beginning of that for its id.
"""

import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass

PREFIX = "sk-tg-"
ENTROPY_BYTES = 40
"""How many random bytes `make_key` takes: 8 for the id, 32 for the secret."""
MAX_LENGTH = 512
"""No key is longer, so that nobody makes us hash megabytes."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_BYTES = 8
_ID, _SECRET, _CHECK = 11, 43, 6
"""Characters of each part."""
_OURS = re.compile(f"{PREFIX}[0-9A-Za-z]{{{_ID + _SECRET + _CHECK}}}")
_FOREIGN_ID = 24


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made: the only moment at which its text exists here."""

    key_id: str
    text: str
    digest: bytes

    def __repr__(self) -> str:
        return f"NewKey({self.key_id})"


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A key that somebody came with: by which id to look for it, and the digest it must have."""

    key_id: str
    digest: bytes


def make_key(entropy: bytes, *, key_id: str | None = None) -> NewKey:
    """A key of `ENTROPY_BYTES` random bytes; with a `key_id`, another secret for that key.

    Raises ValueError when there are fewer bytes than that, or no key can have this id.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a key takes {ENTROPY_BYTES} random bytes, not {len(entropy)}")
    chosen = key_id or _base62(entropy[:_ID_BYTES], _ID)
    if len(chosen) != _ID or not set(chosen) <= set(_ALPHABET):
        raise ValueError("a key that was made elsewhere cannot be given a new secret here")
    body = chosen + _base62(entropy[_ID_BYTES:], _SECRET)
    text = PREFIX + body + _checksum(body)
    return NewKey(chosen, text, digest_of(text))


def read_key(text: str) -> PresentedKey | None:
    """What to look for; None when this can be no key of ours, nor one that came here by its digest."""
    if not text or len(text) > MAX_LENGTH:
        return None
    if not text.startswith(PREFIX):
        digest = digest_of(text)
        return PresentedKey(foreign_id(digest), digest)
    if _OURS.fullmatch(text) is None:
        return None
    body, check = text[len(PREFIX) : -_CHECK], text[-_CHECK:]
    if not hmac.compare_digest(_checksum(body), check):
        return None
    return PresentedKey(body[:_ID], digest_of(text))


def digest_of(text: str) -> bytes:
    """SHA-256 of a key: all that is ever kept of it. Any text has one, also what no key can be."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def foreign_id(digest: bytes) -> str:
    """The id of a key that was made elsewhere."""
    return digest.hex()[:_FOREIGN_ID]


def is_same(one: bytes, other: bytes | None) -> bool:
    """Whether two digests are equal, in a time that does not tell how many of their bytes are.

    Against None it takes as long and says no.
    """
    return hmac.compare_digest(one, other if other is not None else bytes(len(one))) and other is not None


def _base62(raw: bytes, width: int) -> str:
    number = int.from_bytes(raw, "big")
    digits: list[str] = []
    for _ in range(width):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")).to_bytes(4, "big"), _CHECK)
