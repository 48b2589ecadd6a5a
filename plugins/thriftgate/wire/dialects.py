"""The way into `wire`: everything a dialect offers, chosen by the dialect.

    view = request_view(Dialect.CHAT, body, headers)      bounded(body) first
    answer = answer_view(Dialect.CHAT, whole)
    assembler(Dialect.CHAT).feed(event) … .finish()       a stream → the whole answer
    replay(view, whole)                                   a whole answer → the stream this client would have got
    ending(view, hide_logprobs=…).feed(event) … .end({…}) a stream whose last event is still ours to complete

Failure behaviour: pure.
"""

from collections.abc import Iterator, Mapping

from thriftgate.wire.answer import AnswerView
from thriftgate.wire.chat.answer import ChatAnswerView
from thriftgate.wire.chat.assembling import ChatAssembler
from thriftgate.wire.chat.ending import ChatEnding
from thriftgate.wire.chat.replaying import replay as replay_chat
from thriftgate.wire.chat.request import ChatRequestView
from thriftgate.wire.messages.answer import MessagesAnswerView
from thriftgate.wire.messages.assembling import MessagesAssembler
from thriftgate.wire.messages.ending import MessagesEnding
from thriftgate.wire.messages.replaying import replay as replay_messages
from thriftgate.wire.messages.request import MessagesRequestView
from thriftgate.wire.request import Dialect, RequestView
from thriftgate.wire.shapes import Body, Json
from thriftgate.wire.streams import Assembler, Ending

_REQUESTS: Mapping[Dialect, type[RequestView]] = {Dialect.CHAT: ChatRequestView, Dialect.MESSAGES: MessagesRequestView}
_ANSWERS: Mapping[Dialect, type[AnswerView]] = {Dialect.CHAT: ChatAnswerView, Dialect.MESSAGES: MessagesAnswerView}
_ASSEMBLERS: Mapping[Dialect, type[Assembler]] = {Dialect.CHAT: ChatAssembler, Dialect.MESSAGES: MessagesAssembler}
_ENDINGS: Mapping[Dialect, type[Ending]] = {Dialect.CHAT: ChatEnding, Dialect.MESSAGES: MessagesEnding}


def request_view(dialect: Dialect, body: Json, headers: Mapping[str, str] | None = None) -> RequestView:
    """A client's request, looked at. `headers` have lower-case names."""
    return _REQUESTS[dialect](body, headers)


def answer_view(dialect: Dialect, body: Json) -> AnswerView:
    """A whole answer, looked at."""
    return _ANSWERS[dialect](body)


def assembler(dialect: Dialect) -> Assembler:
    """A fresh assembler of one stream."""
    return _ASSEMBLERS[dialect]()


def ending(view: RequestView, *, hide_logprobs: bool = False, hide_usage: bool = False) -> Ending:
    """A fresh holder of one stream's ending, for the answer to this request."""
    return _ENDINGS[view.dialect](hide_logprobs=hide_logprobs, hide_usage=hide_usage, n=view.n)


def replay(view: RequestView, answer: Json) -> Iterator[Body]:
    """The events that the provider's own stream would have answered this request with; `answer` is the whole one."""
    if not isinstance(view, ChatRequestView):
        return replay_messages(answer)
    return replay_chat(answer, include_usage=view.shows_usage)
