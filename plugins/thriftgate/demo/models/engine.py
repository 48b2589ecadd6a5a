"""Two models that never leave the machine: a strong one that knows the knowledge base, a weak one that half does.

What the weak model says to a question is drawn from its weakness for that entry (`MANNERS`), with a random stream
seeded by the model, the entry and the wording: the same question gets the same answer again, as at temperature 0.
At a temperature t a share t of the draws is fresh: seeded by the request's seed too, or without one by the provider's
own counter. So a second sample agrees where the model knows and wavers where it guesses. The n answers to one request
are n draws.

Failure behaviour: pure but for that counter; every request that `request.parse_call` lets through is answered.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from random import Random

from thriftgate.demo.judge import compare_gateways
from thriftgate.demo.knowledge import Entry, EntryKind, Knowledge, Weakness
from thriftgate.demo.models.conversation import Comprehension
from thriftgate.demo.models.matcher import normalize
from thriftgate.demo.models.structured import structured_text
from thriftgate.demo.models.toolcalls import PlannedCall, choose_call, tell_result
from thriftgate.demo.request import CompletionCall
from thriftgate.demo.tokens import content_text


class Manner(StrEnum):
    """How an answer is given."""

    RIGHT = "right"
    SHAKY = "shaky"
    """Right, but hedged and with low probabilities."""
    WRONG = "wrong"
    OVERCONFIDENT = "overconfident"
    """Wrong, with the probabilities of a right answer."""
    HESITANT = "hesitant"
    UNKNOWN = "unknown"
    """The knowledge base has nothing on it."""


@dataclass(frozen=True, slots=True)
class DemoModel:
    """One of the models the provider offers. `slowness` multiplies the configured latency."""

    name: str
    is_strong: bool
    slowness: float


MODELS: Mapping[str, DemoModel] = {
    model.name: model
    for model in (
        DemoModel("demo-small", is_strong=False, slowness=1.0),
        DemoModel("demo-large", is_strong=True, slowness=2.5),
        DemoModel("demo-large-backup", is_strong=True, slowness=3.0),
    )
}

MANNERS: Mapping[Weakness, Sequence[tuple[Manner, float]]] = {
    Weakness.KNOWS: ((Manner.RIGHT, 0.92), (Manner.SHAKY, 0.05), (Manner.WRONG, 0.03)),
    Weakness.GUESSES: ((Manner.WRONG, 0.70), (Manner.HESITANT, 0.17), (Manner.SHAKY, 0.13)),
    Weakness.HESITATES: ((Manner.HESITANT, 0.75), (Manner.WRONG, 0.15), (Manner.SHAKY, 0.10)),
    Weakness.MISREMEMBERS: ((Manner.OVERCONFIDENT, 0.70), (Manner.WRONG, 0.20), (Manner.RIGHT, 0.10)),
    Weakness.CONFUSES: ((Manner.WRONG, 0.62), (Manner.SHAKY, 0.20), (Manner.RIGHT, 0.14), (Manner.OVERCONFIDENT, 0.04)),
}
"""How often the weak model answers in which manner, by its weakness; each row sums to 1."""

_DOUBT: Mapping[Manner, tuple[float, float]] = {
    Manner.RIGHT: (0.05, 0.5),
    Manner.SHAKY: (0.24, 0.4),
    Manner.WRONG: (0.46, 0.42),
    Manner.OVERCONFIDENT: (0.055, 0.4),
    Manner.HESITANT: (0.48, 0.35),
    Manner.UNKNOWN: (0.45, 0.3),
}
"""Median and log-scale spread of an answer's mean negative log-probability, in nats; they overlap as real ones do."""
_STRONG_DOUBT = (0.03, 0.4)

_STRONG_UNKNOWN = (
    "I do not have any information about that in the Brindlebox help center, so I would rather not guess. "
    "Please write to help@brindlebox.example and a colleague will look into it."
)
_WEAK_UNKNOWN = (
    "I'm not sure about that one. It might be covered somewhere in the settings, but I don't know for certain; "
    "you may want to contact support."
)
_NO_QUESTION = "Hello! I am the Brindlebox support assistant. What can I help you with?"
_OPENERS = ("", "", "", "Sure. ", "Happy to help. ", "Good question. ", "Thanks for asking. ")
_GREEDY = "greedy"
# A weak model that was given a tool answers without it now and then.
_FORGETS_TOOL = 0.2


@dataclass(frozen=True, slots=True)
class DraftReply:
    """One answer before it is cut to the request's limits. `doubt` is its mean negative log-probability in nats."""

    text: str
    doubt: float
    manner: Manner
    seed: int
    tool_call: PlannedCall | None = None


class Engine:
    """Answers checked requests: `reply(call)` gives one Reply for each of the `n` wanted."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._comprehension = Comprehension(knowledge)
        self._requests = count()

    def reply(self, call: CompletionCall) -> tuple[DraftReply, ...]:
        """The model's answers to a conversation."""
        model = MODELS[call.model]
        entry = self._comprehension.understand(call.messages)
        draw = self._draw_key(call)
        return tuple(self._reply(call, model, entry, f"{draw}/{index}") for index in range(call.n))

    def _facts_of(self, question: str) -> tuple[str, ...]:
        """What a right answer to the question says; nothing where the knowledge base has nothing on it."""
        entry = self._comprehension.find(question)
        return entry.facts if entry else ()

    def _draw_key(self, call: CompletionCall) -> str:
        if not call.temperature:
            return _GREEDY
        draw = f"seed {call.seed}" if call.seed is not None else f"request {next(self._requests)}"
        is_fresh = Random(_seed(draw, normalize(_last_question(call)))).random() < call.temperature
        return draw if is_fresh else _GREEDY

    def _reply(self, call: CompletionCall, model: DemoModel, entry: Entry | None, draw: str) -> DraftReply:
        question = _last_question(call)
        seed = _seed(model.name, entry.id if entry else "", normalize(question), draw)
        rng = Random(seed)
        if verdict := compare_gateways(call.messages, self._facts_of):
            return _sure(verdict, model, rng, seed)
        if call.messages[-1].get("role") == "tool":
            return _sure(tell_result(call.messages, entry), model, rng, seed)
        tool_call = choose_call(call.tools, call.tool_choice, entry, question)
        if tool_call is not None and tool_call.is_wanted(forgets=not model.is_strong and rng.random() < _FORGETS_TOOL):
            reply = _sure(tool_call.ask_back or "", model, rng, seed)
            return DraftReply(reply.text, reply.doubt, reply.manner, seed, None if tool_call.ask_back else tool_call)
        manner = _draw_manner(entry, model, rng)
        text = _say(entry, manner, model, question, rng)
        if call.response_format.type != "text":
            schema = call.response_format.json_schema
            text = structured_text(text, entry, schema.schema_ if schema else None, is_sure=manner is Manner.RIGHT)
        return DraftReply(text, _draw_doubt(manner, model, rng), manner, seed)


def _last_question(call: CompletionCall) -> str:
    return next((content_text(message) for message in reversed(call.messages) if message.get("role") == "user"), "")


def _seed(*parts: str) -> int:
    return int.from_bytes(hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest(), "big")


def _sure(text: str, model: DemoModel, rng: Random, seed: int) -> DraftReply:
    return DraftReply(text, _draw_doubt(Manner.RIGHT, model, rng), Manner.RIGHT, seed)


def _draw_manner(entry: Entry | None, model: DemoModel, rng: Random) -> Manner:
    if entry is None:
        return Manner.UNKNOWN
    if model.is_strong:
        return Manner.RIGHT
    manners, weights = zip(*MANNERS[entry.weakness], strict=True)
    return rng.choices(manners, weights)[0]


def _draw_doubt(manner: Manner, model: DemoModel, rng: Random) -> float:
    median, spread = _STRONG_DOUBT if model.is_strong and manner is not Manner.UNKNOWN else _DOUBT[manner]
    return median * rng.lognormvariate(0.0, spread)


def _say(entry: Entry | None, manner: Manner, model: DemoModel, question: str, rng: Random) -> str:
    if entry is None:
        if not question.strip():
            return _NO_QUESTION
        return _STRONG_UNKNOWN if model.is_strong else _WEAK_UNKNOWN
    opener = rng.choice(_OPENERS) if entry.kind is not EntryKind.TRANSLATION else ""
    match manner:
        case Manner.WRONG | Manner.OVERCONFIDENT:
            return opener + entry.wrong
        case Manner.HESITANT:
            return entry.hesitant
        case Manner.SHAKY:
            return f"I think it works like this, though I may be mistaken: {entry.answer}"
        case _:
            return opener + entry.answer
