"""Bearer tokens of another issuer: signed with a key the issuer publishes, for us, and not expired.

Only asymmetric algorithms are taken, and only those the operator names: what a token says about its own algorithm
decides nothing.

Failure behaviour: a token that is not good is a `Denied`, whatever is wrong with it. Raises StoreUnavailableError while
the issuer's keys were never fetched. A token signed with a key that is not known yet is refused, and the keys are
fetched anew in the background.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from thriftgate.errors import StoreUnavailableError
from thriftgate.identity.claims import Bearer, ClaimNames, bearer_of
from thriftgate.identity.permission import Denial, Denied

MAX_LENGTH = 16_384
"""Characters of a token; longer ones are not looked at."""
_NOT_GOOD = Denied(Denial.UNKNOWN, "this token is not good here")
_EXPIRED = Denied(Denial.EXPIRED, "this token has expired")
_NOBODY = Denied(Denial.UNKNOWN, "this token does not say whose it is")


class IssuerKeys(Protocol):
    """The public keys of an issuer."""

    def current(self) -> Mapping[str, jwt.PyJWK] | None:
        """By their ids; None when they were never fetched."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What a good token says."""

    issuer: str
    audience: str
    algorithms: Sequence[str]
    names: ClaimNames
    leeway: float = 0.0
    """Seconds by which clocks may differ."""


def looks_like_token(text: str) -> bool:
    """Whether this is a signed token rather than a key: three parts, of which the first is an object in base64."""
    return text.startswith("eyJ") and text.count(".") == 2


class TokenReader:
    """Reads tokens of one issuer."""

    def __init__(self, keys: IssuerKeys, rules: TokenRules, *, on_unknown_key: Callable[[], None]) -> None:
        """`on_unknown_key` is told of a token that is signed with a key not known: the issuer may have a new one."""
        self._keys = keys
        self._rules = rules
        self._on_unknown_key = on_unknown_key

    def read(self, token: str) -> Bearer | Denied:
        """Who the token is of, else why it is not good."""
        if len(token) > MAX_LENGTH:
            return _NOT_GOOD
        keys = self._keys.current()
        if keys is None:
            self._on_unknown_key()
            raise StoreUnavailableError("the issuer's public keys could not be fetched yet")
        try:
            key = self._key_of(token, keys)
            claims = self._claims(token, key) if key is not None else None
        except jwt.ExpiredSignatureError:
            return _EXPIRED
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            # The library decodes what a stranger wrote, numbers of a million digits included.
            return _NOT_GOOD
        if claims is None:
            self._on_unknown_key()
            return _NOT_GOOD
        return bearer_of(claims, self._rules.names) or _NOBODY

    def _key_of(self, token: str, keys: Mapping[str, jwt.PyJWK]) -> jwt.PyJWK | None:
        header = jwt.get_unverified_header(token)
        kid = header.get("kid")
        if kid is None:
            return next(iter(keys.values())) if len(keys) == 1 else None
        return keys.get(kid) if isinstance(kid, str) else None

    def _claims(self, token: str, key: jwt.PyJWK) -> Mapping[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=list(self._rules.algorithms),
            audience=self._rules.audience,
            issuer=self._rules.issuer,
            leeway=self._rules.leeway,
            options={"require": ["exp", "iss", "aud"]},
        )
