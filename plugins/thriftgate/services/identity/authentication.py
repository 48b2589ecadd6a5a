"""From what somebody came with to who it is.

A key is looked for in the operator's file, then in the store; a token of the configured issuer is known by its
signature. Nobody's key is kept anywhere, and no comparison tells how much of a digest was right.

Failure behaviour: raises StoreUnavailableError when the store is away and nothing recent is known of the key, and when
the issuer's public keys were never fetched: whoever cannot be known is not let in.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import replace
from typing import Generic, TypeVar

from thriftgate.errors import StoreUnavailableError
from thriftgate.identity.claims import identity_of_bearer
from thriftgate.identity.forms import KeyFile
from thriftgate.identity.keys import PresentedKey, read_key
from thriftgate.identity.permission import Denial, Denied, is_good
from thriftgate.identity.records import Identity, ServiceClass, Team, User, identity_of_key
from thriftgate.ports import Clock
from thriftgate.ports.people import FoundKey, IdentityStore
from thriftgate.services.identity.tokens import TokenReader, looks_like_token
from thriftgate.services.request.outages import Outages

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class RecentAnswers(Generic[Question, Answer]):
    """Keeps each answer for `good_for` seconds, counted from when it was asked for; at most `size` of them.

    Any number of tasks that ask the same at once ask the store once: a busy key costs one question a second. What the
    question raises reaches all who wait for it, and nothing is kept.
    """

    def __init__(
        self, ask: Callable[[Question], Awaitable[Answer]], clock: Clock, *, good_for: float = 1.0, size: int = 20_000
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._good_for = good_for
        self._size = size
        self._kept: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()
        self._asking: dict[Question, asyncio.Task[Answer]] = {}

    async def get(self, question: Question) -> Answer:
        """The answer, at most `good_for` seconds old."""
        kept = self._kept.get(question)
        if kept is not None and self._clock.monotonic() < kept[0]:
            return kept[1]
        task = self._asking.get(question)
        if task is None:
            task = self._asking[question] = asyncio.create_task(self._fetch(question))
            task.add_done_callback(_seen)
        # Whoever goes away must not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self, question: Question) -> None:
        """Ask anew the next time."""
        self._kept.pop(question, None)

    async def _fetch(self, question: Question) -> Answer:
        until = self._clock.monotonic() + self._good_for
        try:
            answer = await self._ask(question)
        finally:
            self._asking.pop(question, None)
        self._kept[question] = (until, answer)
        self._kept.move_to_end(question)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return answer


def _seen(task: asyncio.Task[object]) -> None:
    """An error that nobody waited for is no news."""
    if not task.cancelled():
        task.exception()


OUTAGE = "the store of keys"
UNKNOWN = Denied(Denial.UNKNOWN, "this key is not known here")


class Authenticator:
    """Says who somebody is, from memory that is at most a second old."""

    def __init__(
        self,
        store: IdentityStore,
        clock: Clock,
        *,
        file: Callable[[], KeyFile] = KeyFile,
        tokens: TokenReader | None = None,
        tiers: Mapping[str, ServiceClass] | None = None,
        default_tier: str | None = None,
        outages: Outages | None = None,
    ) -> None:
        """`file` is asked each time, so that it may be read anew; `default_tier` is of whoever has none."""
        self._file = file
        self._tokens = tokens
        self._tiers = tiers or {}
        self._default_tier = default_tier
        self._clock = clock
        self._outages = outages or Outages(clock)
        self._keys = RecentAnswers(self._find, clock)
        self._owners = RecentAnswers(self._ask_owners, clock)
        self._store = store

    async def identify(self, text: str) -> Identity | Denied:
        """Who comes with this key or token; else why nobody does."""
        try:
            return await self._identify(text)
        except StoreUnavailableError as error:
            self._outages.refused(OUTAGE, error.cause)
            raise

    async def _identify(self, text: str) -> Identity | Denied:
        if self._tokens is not None and looks_like_token(text):
            return await self._bearer(self._tokens, text)
        presented = read_key(text)
        if presented is None:
            return UNKNOWN
        found = self._in_file(presented) or await self._keys.get(presented.key_id)
        if found is None:
            return UNKNOWN
        good = is_good(found.key, presented.digest, now=self._clock.time())
        if isinstance(good, Denied):
            return good
        return self._with_tier(identity_of_key(found.key, found.user, found.team, self._tiers))

    async def _bearer(self, tokens: TokenReader, text: str) -> Identity | Denied:
        bearer = tokens.read(text)
        if isinstance(bearer, Denied):
            return bearer
        user, team = await self._owners.get((bearer.user_id, bearer.team_id))
        return self._with_tier(identity_of_bearer(bearer, user, team, self._tiers))

    def _in_file(self, presented: PresentedKey) -> FoundKey | None:
        file = self._file()
        key = file.keys.get(presented.key_id)
        if key is None:
            return None
        user = file.users.get(key.user_id) if key.user_id else None
        team_id = key.team_id or (user.team_id if user else None)
        return FoundKey(key, user, file.teams.get(team_id) if team_id else None)

    async def _find(self, key_id: str) -> FoundKey | None:
        found = await self._store.find(key_id)
        self._outages.answered(OUTAGE)
        return found

    async def _ask_owners(self, ids: tuple[str, str | None]) -> tuple[User | None, Team | None]:
        user_id, team_id = ids
        user, team = await self._store.owners(user_id, team_id)
        self._outages.answered(OUTAGE)
        file = self._file()
        user = file.users.get(user_id, user)
        named = team_id or (user.team_id if user else None)
        return user, file.teams.get(named, team) if named else team

    def _with_tier(self, identity: Identity) -> Identity:
        if identity.tier_name is not None or self._default_tier is None:
            return identity
        return replace(identity, tier_name=self._default_tier, tier=self._tiers.get(self._default_tier))
