"""Encryption of what the vault keeps: AES-256-GCM, a fresh nonce each time, bound to the row it is for.

A secret of the environment is stretched into a key with HKDF-SHA256 (RFC 5869). Rows name the key they were sealed
with, so that a new secret may take over while the old one is still read.

Failure behaviour: a row that was sealed with an unknown key, or was tampered with, raises StoreUnavailableError: it
is not guessed at, and the request is refused.
"""

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from thriftgate.errors import StoreUnavailableError

_NONCE_BYTES = 12
_NAME_BYTES = 4


class Sealer:
    """Seals with the first secret, opens with any of them.

    Args:
        secrets: The current secret, then earlier ones.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._ciphers = {
            _derived(secret, b"name")[:_NAME_BYTES]: AESGCM(_derived(secret, b"key")) for secret in secrets
        }
        self._current = next(iter(self._ciphers))

    def seal(self, content: bytes, *, bound_to: bytes) -> bytes:
        """Key name, nonce and ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._current + nonce + self._ciphers[self._current].encrypt(nonce, content, bound_to)

    def open(self, sealed: bytes, *, bound_to: bytes) -> bytes:
        """The content. Raises StoreUnavailableError when no key of ours opens it."""
        name, rest = sealed[:_NAME_BYTES], sealed[_NAME_BYTES:]
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise StoreUnavailableError("the vault holds a row that was sealed with another key; nothing was sent")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError):
            raise StoreUnavailableError("the vault holds a row that was changed; nothing was sent") from None


def derived_key(secret: str, purpose: str) -> bytes:
    """Thirty-two bytes for one purpose; other purposes' keys say nothing about them."""
    return _derived(secret, purpose.encode())


def _derived(secret: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"thriftgate privacy " + purpose).derive(secret.encode())
