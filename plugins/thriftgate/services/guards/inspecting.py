"""Looks at texts with every guard that is on, each text once: what was seen before is remembered, by its hash alone.

Failure behaviour: a guard that fails is named in the decision; what follows is the operator's choice (`fail`): the text
passes, or GuardUnavailableError, a 503. Long texts and many short ones are looked at beside the event loop.
"""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from thriftgate.errors import GuardUnavailableError
from thriftgate.guards.addresses import foreign_links
from thriftgate.guards.classifier import Classifier
from thriftgate.guards.findings import Finding
from thriftgate.guards.injection import Piece, judged, most_suspect, nearest, pieces_of
from thriftgate.guards.leaks import PromptLeak
from thriftgate.guards.readings import literal_readings
from thriftgate.guards.toxicity import toxic
from thriftgate.ports import Embedder, PrivacyAnalyzer
from thriftgate.privacy.findings import Text
from thriftgate.services.guards.decisions import Acted, Decision
from thriftgate.services.guards.policies import GuardPolicies, GuardPolicy
from thriftgate.services.request.background import beside_loop
from thriftgate.types import Vector

logger = logging.getLogger(__name__)

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
    ) -> None:
        self.policies = policies
        self._injection = injection
        self._toxicity = toxicity
        self._embedder = embedder
        self._judges_by_vector = judges_by_vector
        self._analyzer = analyzer
        self._known_texts = known
        self._known: list[Vector] | None = None
        self._seen: OrderedDict[bytes, tuple[Finding, ...]] = OrderedDict()

    async def request(self, texts: Sequence[Said], policy: GuardPolicy) -> Decision:
        """Look at a request. Raises GuardUnavailableError where a guard failed and the operator wants it closed."""
        found: list[Acted] = []
        failed: set[str] = set()
        total = sum(len(one.text) for one in texts)
        size = policy.config.size
        if total > size.max_characters and policy.action("size") != "off":
            over = Finding("size", "too many characters", 1.0, 0, total)
            found.append(Acted(over, policy.action("size"), "user"))
            if policy.action("size") == "block" and not policy.shadow:
                return Decision(tuple(found), 0, (), policy.shadow)
        # All of them together: hundreds of short ones, a schema's descriptions, hold up as many as a long one.
        load = self._unseen(texts)
        for one in (*texts, *_joined(texts)):
            found += await self._denied(one, policy, load)
            if one.place not in ("user", "tool"):
                continue
            try:
                findings = await self._attacks(one.text, load)
            except Exception as error:
                self._note_failure("injection", error)
                failed.add("injection")
                continue
            found += self._acted(findings, one.place, policy)
        self._refuse_failed(failed, policy)
        return Decision(tuple(found), total, tuple(sorted(failed)), policy.shadow)

    async def answer(self, text: str, policy: GuardPolicy, leak: PromptLeak | None, *, offset: int = 0) -> Decision:
        """Look at an answer, or at the window of one; `offset` is where the window begins."""
        failed: set[str] = set()
        findings: list[Acted] = await self._denied(Said(text, "answer"), policy)
        config, is_long = policy.config, len(text) > _LONG
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
                (spans,) = await self._analyzer.analyze([Text(text)])
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
        self._refuse_failed(failed, policy)
        moved = tuple(_moved(one, offset) for one in findings)
        return Decision(moved, len(text), tuple(sorted(failed)), policy.shadow)

    async def explain(self, text: str) -> tuple[list[Piece], list[Finding], Finding | None]:
        """Everything about one text, for `thriftgate guard test`."""
        pieces, hidden = pieces_of(text, self._injection())
        vectors = await self._vectors(pieces)
        return pieces, hidden, judged(pieces, self._injection(), vectors if self._judges_by_vector else None)

    def _unseen(self, texts: Iterable[Said]) -> int:
        """Characters that are to be looked at, and what each text costs by itself."""
        new = {one.text for one in texts if len(one.text) <= _LONG and not self._is_known(one)}
        return sum(len(text) + _EACH for text in new)

    def _is_known(self, one: Said) -> bool:
        digest = _digest(one.text)
        return digest in self._seen or (one.place not in ("user", "tool") and b"deny" + digest in self._seen)

    async def _denied(self, one: Said, policy: GuardPolicy, load: int = 0) -> list[Acted]:
        wanted = "output" if one.place == "answer" else "input"
        actions = {
            listed.name: policy.action(f"deny:{listed.name}")
            for listed in policy.config.deny
            if listed.where in (wanted, "both")
        }
        if all(action == "off" for action in actions.values()):
            return []
        found = await self._listed(one.text, load)
        return [
            Acted(finding, action, one.place)
            for name, action in actions.items()
            for finding in found
            if finding.rule == name and action != "off"
        ]

    async def _listed(self, text: str, load: int) -> tuple[Finding, ...]:
        """What every deny list finds in a text; remembered."""

        def find() -> tuple[Finding, ...]:
            read = literal_readings(text)
            return tuple(finding for one in self.policies.lists.values() for finding in one.find(read))

        key = b"deny" + _digest(text)
        known = self._known_of(key)
        if known is not None:
            return known
        return self._keep(key, await beside_loop(find, is_heavy=max(load, len(text)) > _LONG))

    def _acted(self, findings: Iterable[Finding], place: str, policy: GuardPolicy) -> Iterable[Acted]:
        for one in findings:
            if one.guard == "hidden":
                is_counted, action = one.score >= policy.config.hidden.min_score, policy.action("hidden")
            else:
                config = policy.config.injection
                near = one.rule == "near a known attack"
                is_counted = one.score >= (config.known_similarity if near else config.threshold)
                action = policy.action("tools" if place == "tool" else "injection")
            if is_counted and action != "off":
                yield Acted(one, action, place)

    async def _attacks(self, text: str, load: int) -> tuple[Finding, ...]:
        """What is hidden in a text and the worst of it, whatever the scores; remembered."""
        key = _digest(text)
        known = self._known_of(key)
        if known is not None:
            return known
        classifier = self._injection()
        is_heavy = max(load, len(text)) > _LONG
        pieces, hidden = await beside_loop(lambda: pieces_of(text, classifier), is_heavy=is_heavy)
        vectors = await self._vectors(pieces)
        worst = judged(pieces, classifier, vectors if self._judges_by_vector else None)
        found = (*hidden, *([worst] if worst else []))
        if self._known_texts and vectors:
            near = nearest(vectors, pieces, await self._known_vectors())
            found = (*found, *([near] if near else []))
        return self._keep(key, found)

    def _known_of(self, key: bytes) -> tuple[Finding, ...] | None:
        if (known := self._seen.get(key)) is not None:
            self._seen.move_to_end(key)
        return known

    def _keep(self, key: bytes, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        self._seen[key] = found
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return found

    async def _vectors(self, pieces: Sequence[Piece]) -> dict[str, Vector]:
        """Of the most suspect windows; none without an embedder. Raises what the embedder raises."""
        if self._embedder is None or not pieces:
            return {}
        chosen = most_suspect(pieces, _EMBEDDED)
        if len(pieces) > _EMBEDDED:
            chosen = [one for one in chosen if one.score > _QUIET] or chosen[:1]
        texts = list(dict.fromkeys(one.text for one in chosen))
        return dict(zip(texts, await self._embedder.embed(texts), strict=True))

    async def _known_vectors(self) -> Sequence[Vector]:
        if self._known is None:
            assert self._embedder is not None, "known attacks need an embedder"
            self._known = list(await self._embedder.embed(list(self._known_texts)))
        return self._known

    def _note_failure(self, guard: str, error: Exception) -> None:
        logger.warning("the guard %s failed: %s", guard, type(error).__name__)

    def _refuse_failed(self, failed: set[str], policy: GuardPolicy) -> None:
        if failed and policy.config.fail == "closed" and not policy.shadow:
            raise GuardUnavailableError("a guard of this gateway could not look at the text, so it does not pass")


def _joined(texts: Sequence[Said]) -> Iterable[Said]:
    """What the parts of each message say together: a model reads them in one go."""
    parts: dict[tuple[tuple[object, ...], str], list[str]] = {}
    for one in texts:
        if one.message is not None and one.text.strip():
            parts.setdefault((one.message, one.place), []).append(one.text)
    return [Said("\n".join(said), place) for (_, place), said in parts.items() if len(said) > 1]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _moved(one: Acted, offset: int) -> Acted:
    if not offset:
        return one
    finding = replace(one.finding, start=one.finding.start + offset, end=one.finding.end + offset)
    return replace(one, finding=finding)
