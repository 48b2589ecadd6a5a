"""Who may look at the live page: sessions, tokens of forms, and a limit to guessing.

A session is a cookie that says when it ends, signed with a key derived from the master key: nothing is stored, all
workers accept it, and changing the master key ends every session.

Failure behaviour: pure; whatever is not exactly what was issued is no session and no token.
"""

import hmac
from collections import OrderedDict, deque
from dataclasses import dataclass
from hashlib import sha256

_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that has shown an operator's key."""

    expires_at: int
    """Seconds since the epoch."""
    nonce: str


class Sessions:
    """Issues and reads sessions, and the tokens that forms carry against forgery."""

    def __init__(self, master_key: str) -> None:
        self._key = hmac.digest(master_key.encode(), b"thriftgate live page", sha256)

    def issue(self, *, now: float, lifetime: float, nonce: str) -> str:
        """A cookie's value that is good for `lifetime` seconds; `nonce` is random and has no dots."""
        claim = f"{_VERSION}.{int(now + lifetime)}.{nonce}"
        return f"{claim}.{self._sign('session', claim)}"

    def read(self, value: str, *, now: float) -> Session | None:
        """The session of a cookie's value; None for one that was forged, altered or has ended."""
        claim, _, signature = value.rpartition(".")
        # Nothing of it is looked at before it is known to be ours.
        if not self._is_signed("session", claim, signature):
            return None
        _, expires_at, nonce = claim.split(".")
        return Session(int(expires_at), nonce) if now < int(expires_at) else None

    def form_token(self, form: str, nonce: str) -> str:
        """What the form must send back; only who can read the page of this browser knows it."""
        return self._sign(f"form {form}", nonce)

    def is_form_token(self, form: str, nonce: str, token: str) -> bool:
        """Whether a form was filled in on a page of ours, in this browser."""
        return bool(nonce) and self._is_signed(f"form {form}", nonce, token)

    def _is_signed(self, purpose: str, claim: str, signature: str) -> bool:
        return hmac.compare_digest(self._sign(purpose, claim).encode(), signature.encode("utf-8", "replace"))

    def _sign(self, purpose: str, claim: str) -> str:
        text = f"{purpose}\0{claim}".encode("utf-8", "replace")
        return hmac.digest(self._key, text, sha256).hex()


class Attempts:
    """Counts wrong keys by address: `limit` within `window` seconds, then the address has to wait.

    It remembers `most` addresses, the latest; each worker counts for itself.
    """

    def __init__(self, *, limit: int = 10, window: float = 300.0, most: int = 10_000) -> None:
        self._limit = limit
        self._window = window
        self._most = most
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def retry_after(self, address: str, *, now: float) -> float | None:
        """How many seconds the address has to wait; None when it may try."""
        failures = self._recent(address, now)
        return failures[0] + self._window - now if len(failures) >= self._limit else None

    def failed(self, address: str, *, now: float) -> None:
        """A wrong key came from this address."""
        self._failures.setdefault(address, deque(maxlen=self._limit)).append(now)
        self._failures.move_to_end(address)
        while len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """A right key came from this address: whoever mistyped before may mistype again."""
        self._failures.pop(address, None)

    def _recent(self, address: str, now: float) -> deque[float]:
        failures = self._failures.get(address, deque[float]())
        while failures and failures[0] + self._window <= now:
            failures.popleft()
        return failures
