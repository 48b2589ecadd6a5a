"""Takes personal data out of a request before anything leaves, and knows how to put it back.

Failure behaviour: fails closed. PrivacyUnavailableError (503) when the analyzer cannot say what is in a text,
StoreUnavailableError (503) when a conversation's pseudonyms cannot be read or kept, ContentBlockedError (400) where
the policy refuses a kind: in all three nothing is sent.
"""

import hashlib
import hmac
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from thriftgate.errors import StoreUnavailableError
from thriftgate.ports import KeptPseudonyms, PrivacyAnalyzer, PseudonymVault
from thriftgate.privacy.documents import transformed
from thriftgate.privacy.findings import Text, counted_by_kind, resolved
from thriftgate.privacy.masking import Masker, Recurrences, spoken_of_again
from thriftgate.privacy.policy import PrivacyPolicy, keyed_hash
from thriftgate.privacy.pseudonyms import Pseudonym, Pseudonyms
from thriftgate.privacy.spans import TextSpan
from thriftgate.services.request.background import beside_loop

_TRIES = 8
"""Of two requests of one conversation that come at once, one has to look again at what the other gave out."""
_LONG = 2_000
"""Characters of texts and known values that are looked through beside the event loop, not on it."""
_FIELD = 10
"""Characters that cost as much as a field or an item does, whatever it says."""
_UNKNOWN_START = 1_000
_UNKNOWN_SPAN = 900_000


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a request continues; `id` is unique to one caller.

    `is_continued` says that the provider holds earlier turns that we do not see: their numbers must not be given
    out again.
    """

    id: str
    is_continued: bool = False
    earlier_ids: tuple[str, ...] = ()
    """What it was called under earlier keys: it goes on under its new name."""


@dataclass(frozen=True, slots=True)
class Protected:
    """A request without the personal data that may not be sent."""

    body: Mapping[str, Any]
    entries: Sequence[Pseudonym] = ()
    """All that the conversation's placeholders stand for."""
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many values of each kind were replaced."""
    private: frozenset[str] = frozenset()
    """Kinds of the conversation's values that are still in it, for private models alone."""
    personal: frozenset[str] = frozenset()
    """Those of the names that are personal data."""

    @property
    def values(self) -> Mapping[str, str]:
        """Placeholder → value."""
        return {entry.placeholder: entry.value for entry in self.entries}


class PrivacyService:
    """Protects the requests of all consumers.

    Args:
        analyzer: Finds personal data.
        vault: Keeps the pseudonyms of conversations.
        key: What hashes of values and names of conversations are made with.
        earlier_keys: What they were made with before.
    """

    def __init__(
        self, analyzer: PrivacyAnalyzer, vault: PseudonymVault, *, key: bytes, earlier_keys: Sequence[bytes] = ()
    ) -> None:
        self._analyzer = analyzer
        self._vault = vault
        self._key = key
        self._earlier_keys = tuple(earlier_keys)

    async def protect(
        self,
        body: Mapping[str, Any],
        policy: PrivacyPolicy,
        conversation: Conversation | None = None,
        *,
        caller: str = "",
        names: Sequence[str] = (),
    ) -> Protected:
        """The body with every value replaced as the policy says; callers take turns at the analyzer.

        `names` are sent nowhere: whatever the policy says of their kinds, they are only told apart. Each is judged by
        itself, so that what else a request says makes no second word of one person.
        """
        said = await beside_loop(partial(_texts_of, body, policy.languages), is_heavy=_is_long(body))
        called = _texts_of(_as_ids(names), policy.languages) if names else []
        texts = list(dict.fromkeys([*said, *called]))
        found = dict(zip(texts, await self._analyzer.analyze(texts, caller=caller), strict=True))
        counted = {text: counted_by_kind(text.text, spans, policy) for text, spans in found.items()}
        protected = await self._protected(body, {text: counted[text] for text in said}, policy, conversation)
        return replace(protected, personal=_personal(names, counted, policy))

    async def _protected(
        self,
        body: Mapping[str, Any],
        findings: Mapping[Text, Sequence[TextSpan]],
        policy: PrivacyPolicy,
        conversation: Conversation | None,
    ) -> Protected:
        if conversation is None:
            return await self._masked_beside(body, findings, policy, Pseudonyms())
        for _ in range(_TRIES):
            kept = await self._vault.load(conversation.id)
            moved = None if kept else await self._kept_before(conversation)
            known = kept or moved
            state = Pseudonyms.of(known.entries if known else (), first_number=self._first_number(conversation, known))
            before = len(state)
            protected = await self._masked_beside(body, findings, policy, state)
            if len(protected.entries) == before and moved is None:
                return protected
            if await self._vault.save(conversation.id, protected.entries, after=kept.version if kept else 0):
                return protected
        raise StoreUnavailableError("the conversation's pseudonyms change too fast; nothing was sent")

    async def _kept_before(self, conversation: Conversation) -> KeptPseudonyms | None:
        """What was kept under an earlier key."""
        for name in conversation.earlier_ids:
            if (kept := await self._vault.load(name)) is not None:
                return kept
        return None

    async def remember(self, conversation_id: str, entries: Sequence[Pseudonym]) -> None:
        """Keep the pseudonyms under a further name of the conversation (the id of an answer that it goes on from)."""
        if entries:
            await self._vault.save(conversation_id, entries, after=0)

    def conversation(self, *parts: str, is_continued: bool = False) -> Conversation:
        """A conversation under a name that says nothing about its parts."""
        name, *earlier = (_name(key, parts) for key in (self._key, *self._earlier_keys))
        return Conversation(name, is_continued, tuple(earlier))

    async def known(self, conversation: Conversation) -> Sequence[Pseudonym]:
        """The pseudonyms of a conversation that nothing is sent in; none where nobody has kept any."""
        kept = await self._vault.load(conversation.id) or await self._kept_before(conversation)
        return kept.entries if kept is not None else ()

    def hashed_name(self, name: str) -> str:
        """What stands for somebody's name in the books, the same for as long as the key is."""
        return f"person#{keyed_hash(self._key, 'PERSON', name)}"

    def _first_number(self, conversation: Conversation, kept: object) -> int:
        if kept is not None or not conversation.is_continued:
            return 1
        return _UNKNOWN_START + int(conversation.id[:8], 16) % _UNKNOWN_SPAN

    async def _masked_beside(
        self,
        body: Mapping[str, Any],
        findings: Mapping[Text, Sequence[TextSpan]],
        policy: PrivacyPolicy,
        state: Pseudonyms,
    ) -> Protected:
        length = sum(len(text.text) for text in findings) + sum(len(entry.value) for entry in state.entries())
        return await beside_loop(partial(self._masked, body, findings, policy, state), is_heavy=length > _LONG)

    def _masked(
        self,
        body: Mapping[str, Any],
        findings: Mapping[Text, Sequence[TextSpan]],
        policy: PrivacyPolicy,
        state: Pseudonyms,
    ) -> Protected:
        state.reserve((text.text for text in findings), policy.actions)
        known = ((entry.entity_type, entry.value) for entry in state.entries())
        again = Recurrences([*spoken_of_again(known), *spoken_of_again(_values(findings))], policy.deny)
        complete = {text: resolved([*found, *again.find(text.text)]) for text, found in findings.items()}
        masker = Masker(policy, state, self._key)

        def masked_text(text: str, label: str, *, is_prose: bool = True) -> str:
            return masker.mask(text, complete.get(Text(text, label, is_prose, policy.languages), ()))

        masked = transformed(body, masked_text, partial(masked_text, is_prose=False))
        entries = state.entries()
        private = policy.private_kinds(entry.entity_type for entry in entries)
        return Protected(masked, entries, masker.counts, private)


def _name(key: bytes, parts: Sequence[str]) -> str:
    return hmac.new(key, "\0".join(parts).encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _is_long(document: object) -> bool:
    """Whether what a document says, with its fields, is too long to be looked through on the event loop."""
    said, left = 0, [document]
    while left and said <= _LONG:
        one = left.pop()
        said += len(one) if isinstance(one, str) else _FIELD
        if isinstance(one, Mapping):
            fields = cast("Mapping[str, object]", one)
            said += _FIELD * len(fields)
            left += itertools.islice(fields.values(), _LONG)
        elif isinstance(one, list):
            left += cast("list[object]", one)[:_LONG]
    return said > _LONG


def _texts_of(body: Mapping[str, Any], languages: frozenset[str] | None) -> list[Text]:
    texts: dict[Text, None] = {}

    def note(text: str, label: str, *, is_prose: bool = True) -> str:
        texts[Text(text, label, is_prose, languages)] = None
        return text

    transformed(body, note, partial(note, is_prose=False))
    return list(texts)


def _as_ids(names: Iterable[str]) -> Mapping[str, Any]:
    """Read as an id that no protocol has: a short one without a blank by patterns alone."""
    return {"names": [{"id": name} for name in names]}


def _personal(
    names: Iterable[str], counted: Mapping[Text, Sequence[TextSpan]], policy: PrivacyPolicy
) -> frozenset[str]:
    if not names:
        return frozenset()
    listed = Recurrences((), policy.deny)
    return frozenset(
        name
        for name in names
        if any(counted.get(text) or listed.find(text.text) for text in _texts_of(_as_ids([name]), policy.languages))
    )


def _values(findings: Mapping[Text, Sequence[TextSpan]]) -> Iterable[tuple[str, str]]:
    return ((span.entity_type, text.text[span.start : span.end]) for text, spans in findings.items() for span in spans)
