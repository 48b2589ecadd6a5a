"""The way into `wire`: everything a dialect offers, chosen by the dialect.

    view = request_view(Dialect.CHAT, body, headers)      its bytes were `bounded` before it was parsed
    answer = answer_view(Dialect.CHAT, whole)
    assembler(Dialect.CHAT).feed(event) … .finish()       a stream → the whole answer
    replay(view, whole)                                   a whole answer → the stream this client would have got
    ending(view, hide_logprobs=…).feed(event) … .end({…}) a stream whose last event is still ours to complete
    carries(view, target)                                 what a tier of another dialect would not get

Failure behaviour: pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from thriftgate.wire.abilities import NO_ABILITIES, Ability
from thriftgate.wire.answer import AnswerView
from thriftgate.wire.chat import carrying as chat_carrying
from thriftgate.wire.chat.answer import ChatAnswerView
from thriftgate.wire.chat.assembling import ChatAssembler, ChatEnding
from thriftgate.wire.chat.replaying import replay as replay_chat
from thriftgate.wire.chat.request import ChatRequestView
from thriftgate.wire.messages import carrying as messages_carrying
from thriftgate.wire.messages.answer import MessagesAnswerView
from thriftgate.wire.messages.assembling import MessagesAssembler, MessagesEnding
from thriftgate.wire.messages.replaying import replay as replay_messages
from thriftgate.wire.messages.request import MessagesRequestView
from thriftgate.wire.paths import Path, spelled
from thriftgate.wire.request import RequestView
from thriftgate.wire.responses import carrying as responses_carrying
from thriftgate.wire.responses import echo
from thriftgate.wire.responses.answer import ResponsesAnswerView
from thriftgate.wire.responses.assembling import ResponsesAssembler, ResponsesEnding
from thriftgate.wire.responses.replaying import replay as replay_responses
from thriftgate.wire.responses.request import ResponsesRequestView
from thriftgate.wire.shapes import Body, Json
from thriftgate.wire.streaming.codec import Assembler, Ending
from thriftgate.wire.turns import Dialect

_MOST_PATHS = 100
"""Losses that are told; one is enough to leave a tier out."""


@dataclass(frozen=True, slots=True)
class _Codec:
    request: type[RequestView]
    answer: type[AnswerView]
    assembler: type[Assembler]
    ending: type[Ending]


_CODECS: Mapping[Dialect, _Codec] = {
    Dialect.CHAT: _Codec(ChatRequestView, ChatAnswerView, ChatAssembler, ChatEnding),
    Dialect.MESSAGES: _Codec(MessagesRequestView, MessagesAnswerView, MessagesAssembler, MessagesEnding),
    Dialect.RESPONSES: _Codec(ResponsesRequestView, ResponsesAnswerView, ResponsesAssembler, ResponsesEnding),
}


def request_view(dialect: Dialect, body: Json, headers: Mapping[str, str] | None = None) -> RequestView:
    """A client's request, looked at. `headers` have lower-case names."""
    return _CODECS[dialect].request(body, headers)


def answer_view(dialect: Dialect, body: Json) -> AnswerView:
    """A whole answer, looked at."""
    return _CODECS[dialect].answer(body)


def assembler(dialect: Dialect) -> Assembler:
    """A fresh assembler of one stream."""
    return _CODECS[dialect].assembler()


def ending(
    view: RequestView,
    *,
    is_own: bool = False,
    hide_logprobs: bool = False,
    hide_usage: bool = False,
    alternatives: int | None = None,
) -> Ending:
    """A fresh holder of one stream's ending, for the answer to this request of a client."""
    make = _CODECS[view.dialect].ending
    return make(view, is_own=is_own, hide_logprobs=hide_logprobs, hide_usage=hide_usage, alternatives=alternatives)


def echoed(view: RequestView, answer: Json) -> Body:
    """A whole answer that repeats of its request what THIS client sent: for hits, and where a prompt was added."""
    return echo.echoed(view.body, answer) if view.dialect is not Dialect.MESSAGES else {**answer}


def replay(view: RequestView, answer: Json) -> Iterator[Body]:
    """The events that the provider's own stream would have answered this request with; `answer` is the whole one."""
    if isinstance(view, ChatRequestView):
        return replay_chat(answer, include_usage=view.shows_usage)
    return replay_messages(answer) if view.dialect is Dialect.MESSAGES else replay_responses(answer)


def carries(view: RequestView, target: Dialect, takes: frozenset[Ability] = NO_ABILITIES) -> tuple[str, ...]:
    """The paths of what would be lost on the way to a provider that speaks `target`; none is good.

    `takes`: what this provider takes that others of its dialect do not. Whoever gets some paths asks another tier, or
    refuses with a 400 that names them. Looked for once a view, and no further than the first `_MOST_PATHS`.
    """
    key = target, takes
    if key not in view.lost:
        view.lost[key] = tuple(spelled(path) for path in islice(_lost(view, target, takes), _MOST_PATHS))
    return view.lost[key]


def _lost(view: RequestView, target: Dialect, takes: frozenset[Ability]) -> Iterable[Path]:
    match view:
        case MessagesRequestView() if target is not Dialect.MESSAGES:
            return messages_carrying.lost(view, target, takes)
        case ResponsesRequestView() if target is not Dialect.RESPONSES:
            return responses_carrying.lost(view, target)
        case ChatRequestView() if target is Dialect.MESSAGES:
            return chat_carrying.lost(view)
        case _:
            return ()
