"""Looks at texts with every guard that is on, each text once: what was seen before is remembered, by its hash alone.

Failure behaviour: a guard that fails is named in the decision; what follows is the operator's choice (`fail`): the text
passes, or the decision's error is GuardUnavailableError, a 503. Where the model of attacks cannot be run, what the
words say counts all the same, the failure is named, and the text is looked at again the next time. Where nothing
follows of attacks none are looked for, and nothing of that can fail. Long texts and many
short ones are looked at beside the event loop, all of a request at once.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from thriftgate.guards.addresses import foreign_links
from thriftgate.guards.classifier import Classifier
from thriftgate.guards.findings import Finding
from thriftgate.guards.injection import Piece, judged, most_suspect, pieces_of, undecided
from thriftgate.guards.leaks import PromptLeak
from thriftgate.guards.texts.readings import literal_readings, readings
from thriftgate.guards.toxicity import toxic
from thriftgate.ports import Embedder, PrivacyAnalyzer
from thriftgate.privacy.findings import Text
from thriftgate.services.guards.decisions import Acted, Decision
from thriftgate.services.guards.explaining import Explanation, Watched, explanation
from thriftgate.services.guards.judging import GuardJudge, JudgedRequest
from thriftgate.services.guards.policies import GuardPolicies, GuardPolicy
from thriftgate.services.guards.said import Said, with_joined
from thriftgate.services.guards.vectors import AttackModel, KnownAttacks
from thriftgate.services.request.background import beside_loop

logger = logging.getLogger(__name__)

_Keyed = tuple[bytes, str]
"""A text behind its hash."""
_Findings = tuple[Finding, ...]
_DENY, _JUDGE, _HIDDEN = b"deny", b"judge", b"hidden"
_FROM_OUTSIDE = frozenset({"user", "tool"})

ASKERS_OWN = "answer to its asker"
"""The place of what is in an answer by the asker's own values alone: in another's it is not."""
_REMEMBERED = 40_000
_LOUDEST = 5
"""Windows of one text that count by their words though no vector can decide of them: the most suspect ones."""
_LONG = 2_000
_EACH = 60
"""Characters that cost as much as a text of none."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One text as it was read."""

    pieces: Sequence[Piece]
    """Those that can decide."""
    hidden: Sequence[Finding]
    undecided: Sequence[Piece]
    """Those whose vector can decide."""


class GuardService:
    """All guards."""

    def __init__(
        self,
        policies: GuardPolicies,
        *,
        injection: Callable[[], Classifier],
        toxicity: Callable[[], Classifier],
        model: Embedder | None = None,
        analyzer: PrivacyAnalyzer | None = None,
        known: KnownAttacks | None = None,
        judge: GuardJudge | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`model` gives the vectors that the classifier of attacks was trained by; None: it goes by words alone."""
        self.policies = policies
        self._injection = injection
        self._toxicity = toxicity
        self._model = AttackModel(model, clock=clock) if model is not None else None
        self._analyzer = analyzer
        self._known = known
        self._judge = judge
        self._seen: OrderedDict[bytes, _Findings] = OrderedDict()

    async def request(
        self,
        texts: Sequence[Said],
        policy: GuardPolicy,
        *,
        whose: JudgedRequest | None = None,
        may_ask: bool = True,
        watched: Watched | None = None,
    ) -> Decision:
        """Look at a request; with `may_ask` also by the judge model, whose calls are booked as made for `whose`.

        `watched` is told what was read of its one text, which is read whether or not it was before.
        """
        found: list[Acted] = []
        failed: set[str] = set()
        total = sum(len(one.text) for one in texts)
        size = policy.config.size
        if total > size.max_characters and policy.action("size") != "off":
            over = Finding("size", "too many characters", 1.0, 0, total)
            found.append(Acted(over, policy.action("size"), "user"))
            if policy.action("size") == "block" and not policy.shadow:
                return Decision(tuple(found), 0, (), policy.shadow)
        looked = [(one, _digest(one.text)) for one in with_joined(texts)]
        listing = self._lists_of("input", policy)
        deny_keys = {key: _digest(one.written) if one.written else key for one, key in looked}
        listed, to_list = self._known_of(((deny_keys[key], one.listed) for one, key in looked if listing), _DENY)
        suspects = {key: one.text for one, key in looked if policy.looks_for_attacks(one.place)}
        attacks, to_read = self._known_of(suspects.items(), b"") if watched is None else ({}, suspects)
        only_hidden = ((key, one.text) for one, key in looked if key not in suspects and _may_hide(one.place, policy))
        hidden, to_uncover = self._known_of(only_hidden, _HIDDEN)
        is_heavy = _cost(to_list) + _cost(to_read) + _cost(to_uncover) > _LONG
        new, uncovered, read = await beside_loop(
            lambda: (self._listed(to_list), _uncovered(to_uncover), self._read(to_read, watched)), is_heavy=is_heavy
        )
        listed |= self._kept(new, _DENY)
        hidden |= self._kept({key: one for key, one in uncovered.items() if not isinstance(one, Exception)}, _HIDDEN)
        judged_now, unsure, reason = await self._judged(read, watched)
        attacks |= judged_now
        self._kept({key: one for key, one in judged_now.items() if key not in unsure}, b"")
        if reason is not None:
            self._note_failure("injection", reason)
            failed.add("injection")
        for error in (one for one in uncovered.values() if isinstance(one, Exception)):
            self._note_failure("hidden", error)
            failed.add("hidden")
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
            found += _denied(listed.get(deny_keys[key], ()), one.place, listing)
            if one.place in _FROM_OUTSIDE:
                found += self._acted(attacks.get(key, hidden.get(key, ())), one.place, policy)
        is_closed = policy.config.fail == "closed"
        return Decision(tuple(found), total, tuple(sorted(failed)), policy.shadow, unasked, is_closed)

    async def answer(
        self,
        text: str,
        policy: GuardPolicy,
        leak: PromptLeak | None,
        *,
        offset: int = 0,
        caller: str = "",
        written: str = "",
    ) -> Decision:
        """Look at an answer, or at the window of one; `offset` is where the window begins.

        For personal data the callers' answers take turns with their requests. `written` is the text with the asker's
        values, which deny lists look at as well.
        """
        failed: set[str] = set()
        listing = self._lists_of("output", policy)
        looked = {_digest(one): one for one in (text, written) if one and listing}
        listed, new = self._known_of(looked.items(), _DENY)
        is_long = len(text) > _LONG
        listed |= self._kept(await beside_loop(lambda: self._listed(new), is_heavy=is_long), _DENY)
        findings = [*_denied_to([listed.get(key, ()) for key in looked], listing)]
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

    async def explain(self, one: Said, policy: GuardPolicy) -> tuple[Decision, Explanation | None]:
        """What is decided of one text, and how it is judged for attacks; None where it is not."""
        watched = Watched()
        decision = await self.request([one], policy, watched=watched)
        return decision, explanation(watched, self._injection(), self.policies.config.injection.threshold)

    def _lists_of(self, where: str, policy: GuardPolicy) -> dict[str, str]:
        """The deny lists that count there, with what follows."""
        actions = {
            one.name: policy.action(f"deny:{one.name}") for one in policy.config.deny if one.where in (where, "both")
        }
        return {name: action for name, action in actions.items() if action != "off"}

    def _listed(self, texts: Mapping[bytes, str]) -> dict[bytes, _Findings]:
        """What every deny list finds in each text."""
        found: dict[bytes, _Findings] = {}
        for key, text in texts.items():
            read = literal_readings(text)
            found[key] = tuple(finding for one in self.policies.lists.values() for finding in one.find(read))
        return found

    def _read(self, texts: Mapping[bytes, str], watched: Watched | None) -> dict[bytes, _Reading | Exception]:
        """What can decide of each text, and what was hidden; a text that cannot be read spoils no other."""
        found: dict[bytes, _Reading | Exception] = {}
        threshold = self.policies.config.injection.threshold
        for key, text in texts.items():
            try:
                classifier = self._injection()
                pieces, hidden = pieces_of(text, classifier)
            except Exception as error:
                found[key] = error
            else:
                # All of them: which of a request's windows are left without a vector is said where they are counted.
                some = undecided(pieces, classifier, threshold) if self._model is not None else ()
                if watched is not None:
                    watched.pieces = pieces
                kept = dict.fromkeys((*some, *most_suspect(pieces, _LOUDEST)))
                found[key] = _Reading(tuple(kept), hidden, some)
        return found

    async def _judged(
        self, read: Mapping[bytes, _Reading | Exception], watched: Watched | None
    ) -> tuple[dict[bytes, _Findings], frozenset[bytes], Exception | None]:
        """What is hidden in each text and the worst of it, whatever the scores; of which not all is known, and why."""
        good = {key: one for key, one in read.items() if not isinstance(one, Exception)}
        reason = next((one for one in read.values() if isinstance(one, Exception)), None)
        unsure: frozenset[bytes] = frozenset()
        vectors = None
        if self._model is not None:
            looked = await self._model.look_at({key: one.undecided for key, one in good.items()})
            vectors, unsure, reason = looked.vectors, looked.missing, looked.failure or reason
            if watched is not None:
                watched.looked = looked
        near: Mapping[bytes, Finding] = {}
        if self._known is not None:
            try:
                near = await self._known.near({key: one.pieces for key, one in good.items()})
            except Exception as error:
                unsure, reason = frozenset(good), error
        found: dict[bytes, _Findings] = {}
        threshold = self.policies.config.injection.threshold
        for key, one in good.items():
            worst = judged(one.pieces, self._injection(), vectors, threshold)
            found[key] = (*one.hidden, *(each for each in (worst, near.get(key)) if each is not None))
        return found, unsure, reason

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

    def _note_failure(self, guard: str, error: Exception) -> None:
        logger.warning("the guard %s failed: %s", guard, type(error).__name__)


def _may_hide(place: str, policy: GuardPolicy) -> bool:
    """Whether hidden text is looked for there, and anything follows."""
    return place in _FROM_OUTSIDE and policy.action("hidden") != "off"


def _uncovered(texts: Mapping[bytes, str]) -> dict[bytes, _Findings | Exception]:
    """What is hidden in each text; one that cannot be read spoils no other."""
    found: dict[bytes, _Findings | Exception] = {}
    for key, text in texts.items():
        try:
            found[key] = tuple(readings(text)[1])
        except Exception as error:
            found[key] = error
    return found


def _denied(found: Iterable[Finding], place: str, listing: Mapping[str, str]) -> Iterable[Acted]:
    return [Acted(one, action, place) for name, action in listing.items() for one in found if one.rule == name]


def _denied_to(found: Sequence[_Findings], listing: Mapping[str, str]) -> Iterable[Acted]:
    """What must not be said in an answer, and what is not said but to its asker, whose own values it has."""
    for_all: set[str] = set()
    for place, findings in zip(("answer", ASKERS_OWN), found, strict=False):
        denied = [one for one in _denied(findings, place, listing) if one.finding.rule not in for_all]
        for_all |= {one.finding.rule for one in denied}
        yield from denied


def _cost(texts: Mapping[bytes, str]) -> int:
    """Of all together: hundreds of short ones hold up as many as a long one."""
    return sum(len(text) + _EACH for text in texts.values())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _moved(one: Acted, offset: int) -> Acted:
    if not offset:
        return one
    finding = replace(one.finding, start=one.finding.start + offset, end=one.finding.end + offset)
    return replace(one, finding=finding)
