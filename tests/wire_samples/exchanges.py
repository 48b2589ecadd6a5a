"""Requests with the answers that their provider gives: the samples by which a route is held against the plain model.

Every request of a dialect stands once and every answer once; and some conversations are asked once more with the
parameters of two other requests and an answer of their own, for what only happens to both together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.wire_samples.chat_answers import CHAT_ANSWERS
from tests.wire_samples.chat_more import LOGPROBS_ANSWERS, MORE_CHAT_ANSWERS, MORE_CHAT_REQUESTS
from tests.wire_samples.chat_odd import ODD_CHAT_ANSWERS, ODD_CHAT_REQUESTS, ODD_LOGPROBS_ANSWERS
from tests.wire_samples.chat_requests import CHAT_REQUESTS
from tests.wire_samples.messages_answers import MESSAGES_ANSWERS
from tests.wire_samples.messages_more import MORE_MESSAGES_ANSWERS, MORE_MESSAGES_REQUESTS
from tests.wire_samples.messages_odd import ODD_MESSAGES_ANSWERS, ODD_MESSAGES_REQUESTS
from tests.wire_samples.messages_requests import MESSAGES_REQUESTS
from tests.wire_samples.responses_answers import RESPONSES_ANSWERS
from tests.wire_samples.responses_more import MORE_RESPONSES_ANSWERS, MORE_RESPONSES_REQUESTS
from tests.wire_samples.responses_odd import ODD_RESPONSES_ANSWERS, ODD_RESPONSES_REQUESTS
from tests.wire_samples.responses_requests import RESPONSES_REQUESTS
from tests.wire_samples.samples import Body, Sample

from thriftgate.wire.turns import Dialect


@dataclass(frozen=True)
class Exchange:
    """A request and the answer that the provider gives to it."""

    dialect: Dialect
    name: str
    request: Body
    answer: Body

    def __str__(self) -> str:
        return f"{self.dialect.value}: {self.name}"


_SPEECH = {Dialect.CHAT: "messages", Dialect.MESSAGES: "messages", Dialect.RESPONSES: "input"}
_REQUESTS: dict[Dialect, Sequence[Sample]] = {
    Dialect.CHAT: [*CHAT_REQUESTS, *MORE_CHAT_REQUESTS, *ODD_CHAT_REQUESTS],
    Dialect.MESSAGES: [*MESSAGES_REQUESTS, *MORE_MESSAGES_REQUESTS, *ODD_MESSAGES_REQUESTS],
    Dialect.RESPONSES: [*RESPONSES_REQUESTS, *MORE_RESPONSES_REQUESTS, *ODD_RESPONSES_REQUESTS],
}
_ANSWERS: dict[Dialect, Sequence[Sample]] = {
    Dialect.CHAT: [
        *CHAT_ANSWERS,
        *MORE_CHAT_ANSWERS,
        *ODD_CHAT_ANSWERS,
        *LOGPROBS_ANSWERS,
        *ODD_LOGPROBS_ANSWERS,
    ],
    Dialect.MESSAGES: [*MESSAGES_ANSWERS, *MORE_MESSAGES_ANSWERS, *ODD_MESSAGES_ANSWERS],
    Dialect.RESPONSES: [*RESPONSES_ANSWERS, *MORE_RESPONSES_ANSWERS, *ODD_RESPONSES_ANSWERS],
}
_ASKS_FOR_LOGPROBS: dict[Dialect, Body] = {
    Dialect.CHAT: {"logprobs": True, "top_logprobs": 1},
    Dialect.MESSAGES: {},
    Dialect.RESPONSES: {"include": ["message.output_text.logprobs"], "top_logprobs": 1},
}


_ENOUGH, _FEWEST_TOGETHER = 215, 12


def exchanges(dialect: Dialect) -> list[Exchange]:
    """More than 200 of a dialect, each with another request or another answer."""
    return [Exchange(dialect, name, *bodies) for name, *bodies in _named(dialect)]


def _named(dialect: Dialect) -> Iterator[tuple[str, Body, Body]]:
    requests, answers = _REQUESTS[dialect], _ANSWERS[dialect]
    plain = requests[0].body
    quiet = [answer for answer in answers if "logprobs" not in answer.name]
    for request in requests:
        yield request.name, request.body, answers[0].body
    for answer in answers[1:]:
        asks = _ASKS_FOR_LOGPROBS[dialect] if "logprobs" in answer.name else {}
        yield f"answer: {answer.name}", {**plain, **asks}, answer.body
    speech = _SPEECH[dialect]
    spoken = [one for one in requests if one.body[speech] != plain[speech] and set(one.body) <= set(plain)]
    asked = [one for one in requests if one.body[speech] == plain[speech] and one is not requests[0]]
    both = max(_FEWEST_TOGETHER, _ENOUGH - len(requests) - len(answers))
    for at, talk in enumerate(spoken[:: max(1, len(spoken) // both)][:both]):
        first, second = asked[at % len(asked)], asked[(at * 7 + 5) % len(asked)]
        yield (
            f"{talk.name}, {first.name}, {second.name}",
            {**plain, **first.body, **second.body, speech: talk.body[speech]},
            quiet[(at * 5 + 3) % len(quiet)].body,
        )
