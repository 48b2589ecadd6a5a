"""Looks at texts with every guard that is on, each text once: what was seen before is remembered, by its hash alone.

Failure behaviour: a guard that fails is named in the decision; what follows is the operator's choice (`fail`): the text
passes, or the decision's error is GuardUnavailableError, a 503. Long texts and many short ones are looked at beside
the event loop, all of a request at once.
"""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from thriftgate.guards.addresses import foreign_links
from thriftgate.guards.classifier import Classifier
from thriftgate.guards.findings import Finding
from thriftgate.guards.injection import Piece, judged, most_suspect, nearest, pieces_of
from thriftgate.guards.leaks import PromptLeak
from thriftgate.guards.texts.readings import literal_readings
from thriftgate.guards.toxicity import toxic
from thriftgate.ports import Embedder, PrivacyAnalyzer
from thriftgate.privacy.findings import Text
from thriftgate.services.guards.decisions import Acted, Decision
from thriftgate.services.guards.judging import GuardJudge, JudgedRequest
from thriftgate.services.guards.policies import GuardPolicies, GuardPolicy
from thriftgate.services.request.background import beside_loop
from thriftgate.types import Vector

logger = logging.getLogger(__name__)

_Keyed = tuple[bytes, str]
"""A text behind its hash."""
_Findings = tuple[Finding, ...]
_Reading = tuple[Sequence[Piece], list[Finding]]
_DENY, _JUDGE = b"deny", b"judge"
_FROM_OUTSIDE = frozenset({"user", "tool"})

_REMEMBERED = 40_000
_EMBEDDED = 4
"""Windows of one text that are embedded: the most suspect ones."""
_LONG = 2_000
_EACH = 60
"""Characters that cost as much as a text of none."""
_QUIET = 0.03
"""Score by words below which a window is not worth an embedding in a long text."""


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a request."""

    text: str
    place: str
    """user, tool, system or assistant."""
    message: tuple[object, ...] | None = None
    """Whose part it is; the parts of one message are looked at joined as well, None: it has no other parts."""


class GuardService:
    """All guards."""

    def __init__(
        self,
        policies: GuardPolicies,
        *,
        injection: Callable[[], Classifier],
        toxicity: Callable[[], Classifier],
        embedder: Embedder | None = None,
        judges_by_vector: bool = True,
        analyzer: PrivacyAnalyzer | None = None,
        known: Sequence[str] = (),
        judge: GuardJudge | None = None,
    ) -> None:
        self.policies = policies
        self._injection = injection
        self._toxicity = toxicity
        self._embedder = embedder
        self._judges_by_vector = judges_by_vector
        self._analyzer = analyzer
        self._known_texts = known
        self._judge = judge
        self._known: list[Vector] | None = None
        self._seen: OrderedDict[bytes, _Findings] = OrderedDict()

    async def request(
        self,
        texts: Sequence[Said],
        policy: GuardPolicy,
        *,
        whose: JudgedRequest | None = None,
        may_ask: bool = True,
    ) -> Decision:
        """Look at a request; with `may_ask` also by the judge model, whose calls are booked as made for `whose`."""
        found: list[Acted] = []
        failed: set[str] = set()
        total = sum(len(one.text) for one in texts)
        size = policy.config.size
        if total > size.max_characters and policy.action("size") != "off":
            over = Finding("size", "too many characters", 1.0, 0, total)
            found.append(Acted(over, policy.action("size"), "user"))
            if policy.action("size") == "block" and not policy.shadow:
                return Decision(tuple(found), 0, (), policy.shadow)
        looked = [(one, _digest(one.text)) for one in _with_joined(texts)]
        listing = self._lists_of("input", policy)
        listed, to_list = self._known_of(((key, one.text) for one, key in looked if listing), _DENY)
        suspects = ((key, one.text) for one, key in looked if self._is_suspect(one.place, policy))
        attacks, to_read = self._known_of(suspects, b"")
        is_heavy = _cost(to_list) + _cost(to_read) > _LONG
        new, read = await beside_loop(lambda: (self._listed(to_list), self._read(to_read)), is_heavy=is_heavy)
        listed |= self._kept(new, _DENY)
        judged_now, reason = await self._judged(read)
        attacks |= self._kept(judged_now, b"")
        if reason is not None:
            self._note_failure("injection", reason)
            failed.add("injection")
        verdicts: dict[bytes, _Findings] = {}
        unasked = 0
        if self._judge is not None and may_ask and policy.action("judge") != "off":
            outside = ((key, one.text) for one, key in looked if one.place in _FROM_OUTSIDE)
            verdicts, to_ask = self._known_of(outside, _JUDGE)
            said = await self._judge.verdicts(to_ask, whose or JudgedRequest())
            self._kept({key: said.found[key] for key in said.judged}, _JUDGE)
            verdicts |= said.found
            unasked = said.unasked
            if said.failure is not None:
                self._note_failure("judge", said.failure)
                failed.add("judge")
        for one, key in looked:
            if one.place in _FROM_OUTSIDE:
                found += self._acted(verdicts.get(key, ()), one.place, policy)
            found += _denied(listed.get(key, ()), one.place, listing)
            if one.place in _FROM_OUTSIDE:
                found += self._acted(attacks.get(key, ()), one.place, policy)
        is_closed = policy.config.fail == "closed"
        return Decision(tuple(found), total, tuple(sorted(failed)), policy.shadow, unasked, is_closed)

    async def answer(
        self, text: str, policy: GuardPolicy, leak: PromptLeak | None, *, offset: int = 0, caller: str = ""
    ) -> Decision:
        """Look at an answer, or at the window of one; `offset` is where the window begins.

        For personal data the callers' answers take turns with their requests.
        """
        failed: set[str] = set()
        listing = self._lists_of("output", policy)
        key = _digest(text) if listing else b""
        listed, new = self._known_of([(key, text)] if listing else (), _DENY)
        is_long = len(text) > _LONG
        listed |= self._kept(await beside_loop(lambda: self._listed(new), is_heavy=is_long), _DENY)
        findings: list[Acted] = list(_denied(listed.get(key, ()), "answer", listing))
        config = policy.config
        if config.urls is not None and policy.action("urls") != "off":
            allowed = config.urls.allow
            links = await beside_loop(lambda: list(foreign_links(text, allowed)), is_heavy=is_long)
            findings += [Acted(one, policy.action("urls"), "answer") for one in links]
        if leak is not None and policy.action("system_prompt") != "off":
            findings += [
                Acted(one, policy.action("system_prompt"), "answer")
                for one in await beside_loop(lambda: list(leak.find(text)), is_heavy=is_long)
                if one.score >= config.system_prompt.threshold
            ]
        if policy.action("toxicity") != "off":
            one = await beside_loop(lambda: toxic(text, self._toxicity()), is_heavy=is_long)
            if one is not None and one.score >= config.toxicity.threshold:
                findings.append(Acted(one, policy.action("toxicity"), "answer"))
        if config.pii is not None and policy.action("pii") != "off" and self._analyzer is not None:
            try:
                (spans,) = await self._analyzer.analyze([Text(text)], caller=caller)
            except Exception as error:
                self._note_failure("pii", error)
                failed.add("pii")
            else:
                findings += [
                    Acted(
                        Finding("pii", span.entity_type, span.score, span.start, span.end),
                        policy.action("pii"),
                        "answer",
                    )
                    for span in spans
                    if span.score >= config.pii.min_score
                ]
        moved = tuple(_moved(one, offset) for one in findings)
        is_closed = config.fail == "closed"
        return Decision(moved, len(text), tuple(sorted(failed)), policy.shadow, is_closed=is_closed)

    async def drain(self, patience: float) -> None:
        """Wait `patience` seconds for what the judge is still asked for requests that are gone, then cut it."""
        if self._judge is not None:
            await self._judge.drain(patience)

    async def explain(self, text: str) -> tuple[list[Piece], list[Finding], Finding | None]:
        """Everything about one text, for `thriftgate guard test`."""
        pieces, hidden = pieces_of(text, self._injection())
        vectors = await self._vectors([pieces])
        return pieces, hidden, judged(pieces, self._injection(), vectors if self._judges_by_vector else None)

    def _lists_of(self, where: str, policy: GuardPolicy) -> dict[str, str]:
        """The deny lists that count there, with what follows."""
        actions = {
            one.name: policy.action(f"deny:{one.name}") for one in policy.config.deny if one.where in (where, "both")
        }
        return {name: action for name, action in actions.items() if action != "off"}

    def _is_suspect(self, place: str, policy: GuardPolicy) -> bool:
        """Whether attacks are looked for there, and anything follows."""
        guards = ("hidden", "tools" if place == "tool" else "injection")
        return place in _FROM_OUTSIDE and any(policy.action(guard) != "off" for guard in guards)

    def _listed(self, texts: Mapping[bytes, str]) -> dict[bytes, _Findings]:
        """What every deny list finds in each text."""
        found: dict[bytes, _Findings] = {}
        for key, text in texts.items():
            read = literal_readings(text)
            found[key] = tuple(finding for one in self.policies.lists.values() for finding in one.find(read))
        return found

    def _read(self, texts: Mapping[bytes, str]) -> dict[bytes, _Reading | Exception]:
        """What can decide of each text, and what was hidden; a text that cannot be read spoils no other."""
        found: dict[bytes, _Reading | Exception] = {}
        for key, text in texts.items():
            try:
                pieces, hidden = pieces_of(text, self._injection())
            except Exception as error:
                found[key] = error
            else:
                # Of hundreds of windows these alone are embedded, or can have the highest score beside those that are.
                found[key] = (most_suspect(pieces, _EMBEDDED + 1), hidden)
        return found

    async def _judged(
        self, read: Mapping[bytes, _Reading | Exception]
    ) -> tuple[dict[bytes, _Findings], Exception | None]:
        """What is hidden in each text and the worst of it, whatever the scores; and why some are not there."""
        good = {key: one for key, one in read.items() if not isinstance(one, Exception)}
        reason = next((one for one in read.values() if isinstance(one, Exception)), None)
        try:
            vectors = await self._vectors([pieces for pieces, _ in good.values()])
            known = await self._known_vectors() if self._known_texts and vectors else ()
        except Exception as error:
            return {}, error
        found: dict[bytes, _Findings] = {}
        for key, (pieces, hidden) in good.items():
            worst = judged(pieces, self._injection(), vectors if self._judges_by_vector else None)
            near = nearest(vectors, pieces, known) if known else None
            found[key] = (*hidden, *(one for one in (worst, near) if one is not None))
        return found, reason

    def _acted(self, findings: Iterable[Finding], place: str, policy: GuardPolicy) -> Iterable[Acted]:
        for one in findings:
            if one.guard == "judge":
                judge = policy.config.judge
                is_counted, action = judge is not None and one.score >= judge.threshold, policy.action("judge")
            elif one.guard == "hidden":
                is_counted, action = one.score >= policy.config.hidden.min_score, policy.action("hidden")
            else:
                config = policy.config.injection
                near = one.rule == "near a known attack"
                is_counted = one.score >= (config.known_similarity if near else config.threshold)
                action = policy.action("tools" if place == "tool" else "injection")
            if is_counted and action != "off":
                yield Acted(one, action, place)

    def _known_of(self, texts: Iterable[_Keyed], kind: bytes) -> tuple[dict[bytes, _Findings], dict[bytes, str]]:
        """What was found in those that were seen before, and the others."""
        found: dict[bytes, _Findings] = {}
        new: dict[bytes, str] = {}
        for key, text in texts:
            if (known := self._seen.get(kind + key)) is None:
                new[key] = text
                continue
            self._seen.move_to_end(kind + key)
            found[key] = known
        return found, new

    def _kept(self, found: Mapping[bytes, _Findings], kind: bytes) -> Mapping[bytes, _Findings]:
        """The same, remembered."""
        for key, findings in found.items():
            self._seen[kind + key] = findings
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return found

    async def _vectors(self, texts: Iterable[Sequence[Piece]]) -> dict[str, Vector]:
        """Of each text's most suspect windows; none without an embedder. Raises what the embedder raises."""
        if self._embedder is None:
            return {}
        chosen: list[Piece] = []
        for pieces in texts:
            some = most_suspect(pieces, _EMBEDDED)
            if len(pieces) > _EMBEDDED:
                some = [one for one in some if one.score > _QUIET] or some[:1]
            chosen += some
        wanted = list(dict.fromkeys(one.text for one in chosen))
        return dict(zip(wanted, await self._embedder.embed(wanted), strict=True)) if wanted else {}

    async def _known_vectors(self) -> Sequence[Vector]:
        if self._known is None:
            assert self._embedder is not None, "known attacks need an embedder"
            self._known = list(await self._embedder.embed(list(self._known_texts)))
        return self._known

    def _note_failure(self, guard: str, error: Exception) -> None:
        logger.warning("the guard %s failed: %s", guard, type(error).__name__)


def _denied(found: Iterable[Finding], place: str, listing: Mapping[str, str]) -> Iterable[Acted]:
    return [Acted(one, action, place) for name, action in listing.items() for one in found if one.rule == name]


def _cost(texts: Mapping[bytes, str]) -> int:
    """Of all together: hundreds of short ones hold up as many as a long one."""
    return sum(len(text) + _EACH for text in texts.values())


def _with_joined(texts: Sequence[Said]) -> Iterable[Said]:
    """The texts in their order, and behind a message's last part what its parts say together: a model reads that."""
    parts: dict[tuple[tuple[object, ...], str], list[str]] = {}
    last: dict[tuple[tuple[object, ...], str], int] = {}
    for number, one in enumerate(texts):
        if one.message is not None and one.text.strip():
            parts.setdefault((one.message, one.place), []).append(one.text)
            last[one.message, one.place] = number
    for number, one in enumerate(texts):
        yield one
        if one.message is not None and last.get((one.message, one.place)) == number:
            said = parts[one.message, one.place]
            if len(said) > 1:
                yield Said("\n".join(said), one.place)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _moved(one: Acted, offset: int) -> Acted:
    if not offset:
        return one
    finding = replace(one.finding, start=one.finding.start + offset, end=one.finding.end + offset)
    return replace(one, finding=finding)
