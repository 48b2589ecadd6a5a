"""The public keys of an issuer of tokens (a JWKS, RFC 7517), from a URL or a file that the operator names.

Fetched beside the requests: at the start, from time to time, and when a token is signed with a key not known.

Failure behaviour: a fetch that fails is logged and keeps the keys there are; nothing is raised. A file that is broken
at the start is a ConfigurationError.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import jwt

from thriftgate.errors import ConfigurationError
from thriftgate.patience import listening
from thriftgate.ports import Clock

logger = logging.getLogger(__name__)

_MOST_BYTES = 1_000_000
_PATIENCE = 10.0
_PAUSE = 10.0
"""Seconds between two fetches that unknown keys ask for: a stranger's tokens must not flood the issuer."""


class FetchedIssuerKeys:
    """Keys behind a URL."""

    def __init__(self, url: str, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url
        self._clock = clock
        self._transport = transport
        self._keys: Mapping[str, jwt.PyJWK] | None = None
        self._next_at = float("-inf")

    def current(self) -> Mapping[str, jwt.PyJWK] | None:
        """The keys as they were last fetched; None before the first time."""
        return self._keys

    @property
    def is_due(self) -> bool:
        """Whether enough time has passed since the last fetch for an unknown key to be worth another."""
        return self._clock.monotonic() >= self._next_at

    async def fetch(self) -> None:
        """Ask the issuer."""
        self._next_at = self._clock.monotonic() + _PAUSE
        try:
            async with listening(_PATIENCE):
                self._keys = keys_of(await self._download())
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            logger.warning("the issuer's public keys cannot be fetched: %s", type(error).__name__)

    async def _download(self) -> bytes:
        found = bytearray()
        async with (
            httpx.AsyncClient(transport=self._transport, timeout=None, follow_redirects=False) as client,
            client.stream("GET", self._url, headers={"accept": "application/json"}) as response,
        ):
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                found += piece
                if len(found) > _MOST_BYTES:
                    raise ValueError("the key set is too large")
        return bytes(found)


class KeptIssuerKeys:
    """Keys in a file."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError when it cannot be read."""
        try:
            self._keys = keys_of(path.read_bytes())
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigurationError([f"identity.jwt.jwks_file: {path.name}: {words}"]) from None

    def current(self) -> Mapping[str, jwt.PyJWK]:
        """The keys."""
        return self._keys


def keys_of(document: bytes) -> Mapping[str, jwt.PyJWK]:
    """The public keys of a JWKS by their ids; those of a kind we do not know are passed over.

    Raises ValueError when it is none, or holds no key that could be used.
    """
    try:
        values: object = json.loads(document)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    listed = cast("Mapping[str, object]", values).get("keys") if isinstance(values, Mapping) else None
    found: dict[str, jwt.PyJWK] = {}
    for entry in cast("Sequence[object]", listed) if isinstance(listed, list) else ():
        key = _key(entry)
        if key is not None:
            found[key.key_id or ""] = key
    if not found:
        raise ValueError("holds no public key that could be used")
    return found


def _key(entry: object) -> jwt.PyJWK | None:
    if not isinstance(entry, Mapping):
        return None
    values = dict(cast("Mapping[str, Any]", entry))
    if values.get("use", "sig") != "sig" or values.get("kty") == "oct":
        return None
    try:
        return jwt.PyJWK(values)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
