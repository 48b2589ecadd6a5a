"""Every sample of every dialect, with the provider's stream of each answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.wire_samples.chat_answers import CHAT_ANSWERS, Cut, chat_stream
from tests.wire_samples.chat_requests import CHAT_REQUESTS
from tests.wire_samples.messages_answers import MESSAGES_ANSWERS, messages_stream
from tests.wire_samples.messages_requests import MESSAGES_REQUESTS
from tests.wire_samples.responses_answers import RESPONSES_ANSWERS, responses_stream
from tests.wire_samples.responses_requests import RESPONSES_REQUESTS
from tests.wire_samples.samples import Body, Sample

from thriftgate.wire.turns import Dialect


@dataclass(frozen=True)
class DialectSamples:
    """What there is of one dialect."""

    dialect: Dialect
    requests: Sequence[Sample]
    answers: Sequence[Sample]
    stream: Callable[[Body, Cut], Iterator[Body]]


SAMPLES = (
    DialectSamples(Dialect.CHAT, CHAT_REQUESTS, CHAT_ANSWERS, chat_stream),
    DialectSamples(Dialect.MESSAGES, MESSAGES_REQUESTS, MESSAGES_ANSWERS, messages_stream),
    DialectSamples(Dialect.RESPONSES, RESPONSES_REQUESTS, RESPONSES_ANSWERS, responses_stream),
)

REQUESTS = [(one.dialect, sample) for one in SAMPLES for sample in one.requests]
ANSWERS = [(one, sample) for one in SAMPLES for sample in one.answers]


def request_id(value: object) -> str:
    """The id of a parametrized test."""
    return value.dialect.value if isinstance(value, DialectSamples) else str(value)
