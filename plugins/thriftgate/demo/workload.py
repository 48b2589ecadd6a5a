"""A support desk's day: requests with known truths, as many users ask them, the popular ones again and again.

Topics follow Zipf's law, the easy ones being three times as likely to be popular; within a topic the plainest wording
is asked most. Around that: wordings that the models have never seen, near-duplicates with another answer (traps, asked
after the question they resemble), follow-ups that need the conversation, tool turns (both legs), other languages,
and questions that nobody can answer. Conversations carry the true answers of earlier turns, so every request stands
by itself and the workload is the same whoever answers it.

Failure behaviour: pure and deterministic for a seed; fewer than 1 request raises ValueError.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Any

from thriftgate.demo.judge import Truth
from thriftgate.demo.knowledge import Entry, EntryKind, Knowledge
from thriftgate.demo.tokens import IDENTIFIER


class CaseKind(StrEnum):
    """What makes a request special."""

    QUESTION = "question"
    """A wording that the demo's models know."""
    PARAPHRASE = "paraphrase"
    """A wording that they have never seen."""
    TRAP = "trap"
    FOLLOW_UP = "follow_up"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    TRANSLATION = "translation"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request with its truth."""

    id: str
    kind: CaseKind
    entry_id: str
    """What it asks; empty for questions that have no answer."""
    is_hard: bool
    is_repeat: bool = False
    """The very same request came before."""
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    truth: Truth
    user: str
    team: str
    day: int = 1


_SHARES: Mapping[CaseKind, float] = {
    CaseKind.TRAP: 0.08,
    CaseKind.FOLLOW_UP: 0.08,
    CaseKind.TOOL_CALL: 0.05,
    CaseKind.TRANSLATION: 0.04,
    CaseKind.UNKNOWN: 0.03,
}
"""The rest are questions and paraphrases; each tool call is followed by its result."""
_ZIPF_EXPONENT = 1.0
_EASY_WEIGHT = 3.0
_PLAINEST_WEIGHT = 5.0
_DRESSED_SHARE = 0.12
_DRESSES = ("Hi, {}", "Hello! {}", "{} Thanks!", "Hi there. {}", "{} Thank you.")
_TEAMS = ("retail", "wholesale", "franchise")
_USERS_PER_TEAM = 12
_DECLINES = "not have any information | not sure | do not know | cannot help"
_UNANSWERABLE = (
    "Do you sell coffee machines?", "What is the capital of Australia?", "Who is your chief executive?",
    "Can you recommend a good book about sailing?", "Do you sponsor sports clubs?", "Is your founder on social media?",
    "How do I bake sourdough bread?", "Are you hiring at the moment?",
)  # fmt: skip
_CARRIERS = ("DHL", "UPS", "PostNL")
_STATUSES = ("packed", "shipped", "out for delivery")


def _tool(name: str, description: str, parameter: str, about: str) -> Mapping[str, Any]:
    parameters = {
        "type": "object",
        "properties": {parameter: {"type": "string", "description": about}},
        "required": [parameter],
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS = (
    _tool("get_order_status", "Look up where an order is.", "order_id", "The order's number, like BB-12345."),
    _tool("cancel_subscription", "Cancel a subscription for good.", "subscription_id", "Its number, like SUB-12345."),
)
"""What the support desk's client lets the model call."""


def make_days(knowledge: Knowledge, *, seed: int, days: int, requests: int) -> tuple[Case, ...]:
    """`requests` cases over so many days, one after the other; each day has its own seed, `seed` and those after it.

    A day's popular questions are its own: one day alone may be a lucky or an unlucky one.
    """
    if not 1 <= days <= requests:
        raise ValueError(f"{requests} requests cannot make {days} days")
    shares = [requests // days + (day < requests % days) for day in range(days)]
    cases = [
        replace(case, day=day + 1)
        for day, share in enumerate(shares)
        for case in make_workload(knowledge, seed=seed + day, requests=share)
    ]
    return tuple(_mark_repeats(cases))


def make_workload(knowledge: Knowledge, *, seed: int, requests: int) -> tuple[Case, ...]:
    """Exactly `requests` cases in the order in which they are asked."""
    if requests < 1:
        raise ValueError(f"a workload has at least 1 request, not {requests}")
    writer = _Writer(knowledge, Random(seed))
    cases: list[Case] = []
    for kind in _kinds(requests, writer.rng):
        cases.extend(writer.write(kind))
    return tuple(_mark_repeats(cases[:requests]))


def _kinds(requests: int, rng: Random) -> list[CaseKind]:
    """The kind of each unit, shuffled; a tool call is one unit of two requests."""
    kinds = [kind for kind, share in _SHARES.items() for _ in range(max(1, round(share * requests)))]
    plain = max(0, requests - len(kinds) - kinds.count(CaseKind.TOOL_CALL))
    kinds.extend([CaseKind.QUESTION] * plain)
    rng.shuffle(kinds)
    return kinds


def _mark_repeats(cases: Sequence[Case]) -> list[Case]:
    seen: Counter[str] = Counter()
    marked: list[Case] = []
    for number, case in enumerate(cases):
        key = json.dumps([case.messages, case.tools])
        marked.append(replace(case, id=f"{number:05d}", is_repeat=seen[key] > 0))
        seen[key] += 1
    return marked


class _Writer:
    """Draws cases one after the other; remembers which topics were asked, for the traps."""

    def __init__(self, knowledge: Knowledge, rng: Random) -> None:
        self.rng = rng
        self._knowledge = knowledge
        topics = list(knowledge.of_kind(EntryKind.TOPIC))
        # A weighted shuffle (Efraimidis & Spirakis 2006): who weighs more tends to come first.
        topics.sort(key=lambda topic: -(rng.random() ** (1 / (1.0 if topic.is_hard else _EASY_WEIGHT))))
        self._popularity = {topic.id: (rank + 1) ** -_ZIPF_EXPONENT for rank, topic in enumerate(topics)}
        self._asked: Counter[str] = Counter()
        self._users = [f"user-{number:02d}" for number in range(len(_TEAMS) * _USERS_PER_TEAM)]
        self._tool_entries = [topic for topic in topics if topic.tool]

    def write(self, kind: CaseKind) -> Sequence[Case]:
        """The request, or the two requests of a tool turn."""
        match kind:
            case CaseKind.TOOL_CALL:
                return self._tool_turn()
            case CaseKind.UNKNOWN:
                messages = (_user(self.rng.choice(_UNANSWERABLE)),)
                return [self._case(kind, None, messages, Truth((_DECLINES,)))]
            case CaseKind.TRAP:
                return [self._asking(kind, self._pick(EntryKind.TRAP))]
            case CaseKind.TRANSLATION:
                return [self._asking(kind, self._pick(EntryKind.TRANSLATION))]
            case CaseKind.FOLLOW_UP:
                return [self._follow_up()]
            case _:
                entry = self._pick(EntryKind.TOPIC)
                self._asked[entry.id] += 1
                return [self._asking(kind, entry)]

    def _pick(self, kind: EntryKind) -> Entry:
        """An entry, by its topic's popularity; a trap resembles a question that was asked before, if it can."""
        entries: Sequence[Entry] = self._knowledge.of_kind(kind)
        if kind is EntryKind.TRAP:
            entries = [entry for entry in entries if self._asked[entry.topic]] or entries
        return self.rng.choices(entries, [self._popularity[entry.topic] for entry in entries])[0]

    def _asking(self, kind: CaseKind, entry: Entry) -> Case:
        known = [wording for wording in entry.wordings if not IDENTIFIER.search(wording)]
        unseen = [wording for wording in entry.held_out if not IDENTIFIER.search(wording)]
        wordings = known + unseen
        weights = [_PLAINEST_WEIGHT] + [1.0] * (len(wordings) - 1)
        wording = self.rng.choices(wordings, weights)[0]
        if kind is CaseKind.QUESTION and wording in unseen:
            kind = CaseKind.PARAPHRASE
        return self._case(kind, entry, (_user(self._dress(wording, entry)),), Truth(entry.facts))

    def _dress(self, wording: str, entry: Entry) -> str:
        """Now and then people are polite."""
        if entry.language != "en" or self.rng.random() >= _DRESSED_SHARE:
            return wording
        return self.rng.choice(_DRESSES).format(wording)

    def _follow_up(self) -> Case:
        entry = self._pick(EntryKind.FOLLOW_UP)
        topic = self._knowledge.entries[entry.topic]
        self._asked[topic.id] += 1
        wording = self.rng.choice([entry.question, *entry.wordings, *entry.held_out])
        messages = (_user(topic.question), {"role": "assistant", "content": topic.answer}, _user(wording))
        return self._case(CaseKind.FOLLOW_UP, entry, messages, Truth(entry.facts))

    def _tool_turn(self) -> list[Case]:
        entry = self.rng.choice(self._tool_entries)
        wording = self.rng.choice([w for w in (*entry.wordings, *entry.held_out) if IDENTIFIER.search(w)])
        prefix = "BB" if "BB-" in wording else "SUB"
        number = f"{prefix}-{self.rng.randrange(10_000, 100_000)}"
        question = _user(IDENTIFIER.sub(number, wording))
        assert entry.tool is not None
        name, (parameter,) = entry.tool.name, entry.tool.needs
        asking = self._case(CaseKind.TOOL_CALL, entry, (question,), Truth((), name, {parameter: number}), tools=TOOLS)
        call_id = f"call_{self.rng.getrandbits(48):012x}"
        function = {"name": name, "arguments": json.dumps({parameter: number})}
        call = {"id": call_id, "type": "function", "function": function}
        result, facts = self._tool_result(name)
        messages = (
            question,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call_id, "content": json.dumps(result)},
        )
        telling = self._case(CaseKind.TOOL_RESULT, entry, messages, Truth((number, *facts)), tools=TOOLS)
        return [asking, replace(telling, user=asking.user, team=asking.team)]

    def _tool_result(self, name: str) -> tuple[Mapping[str, str], Sequence[str]]:
        """What the client's tool found, and the facts that the answer must tell of it."""
        day = f"2026-{self.rng.randrange(1, 13):02d}-{self.rng.randrange(1, 29):02d}"
        if name == "get_order_status":
            status, carrier = self.rng.choice(_STATUSES), self.rng.choice(_CARRIERS)
            return {"status": status, "carrier": carrier, "expected_delivery": day}, (status, carrier, day)
        confirmation = f"C{self.rng.randrange(100_000, 1_000_000)}"
        return {"active_until": day, "confirmation": confirmation}, (day, confirmation)

    def _case(
        self,
        kind: CaseKind,
        entry: Entry | None,
        messages: tuple[Mapping[str, Any], ...],
        truth: Truth,
        tools: tuple[Mapping[str, Any], ...] = (),
    ) -> Case:
        place = self.rng.choices(range(len(self._users)), [1 / (rank + 1) for rank in range(len(self._users))])[0]
        return Case(
            id="", kind=kind, entry_id=entry.id if entry else "", is_hard=entry is None or entry.is_hard,
            messages=messages, tools=tools, truth=truth,
            user=self._users[place], team=_TEAMS[place % len(_TEAMS)],
        )  # fmt: skip


def _user(text: str) -> Mapping[str, Any]:
    return {"role": "user", "content": text}
