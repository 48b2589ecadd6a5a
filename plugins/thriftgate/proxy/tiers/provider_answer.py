"""What a provider said last to one call, noted for the call that waits, in its own context.

LiteLLM shows a provider's whole body to its loggers before it translates it; what it makes of a stream is noted by
`listening`, and what left for a provider and came back by `stumbles`.

Failure behaviour: nothing is raised; what cannot be read counts as not seen.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import httpx
import jiter

from thriftgate.proxy.tiers.breaker import causes
from thriftgate.wire.answer import AnswerView, Finish
from thriftgate.wire.chat.answer import finish_kind, finish_of, has_acted, hide_logprobs
from thriftgate.wire.dialects import answer_view
from thriftgate.wire.shapes import items, mapping
from thriftgate.wire.turns import Dialect

MISSING = "missing"
"""Stands where a provider's own reason would: no provider's word, so no ending that anybody knows."""
ENDING = ("finish_reason", "native_finish_reason", "provider_specific_fields", "error", "content_filter_results")
"""What of a choice says how it ended."""
_REFUSED = 400
_FILTERS = "content_filter_results"
_SHAPES = ((Dialect.CHAT, "choices"), (Dialect.RESPONSES, "output"), (Dialect.MESSAGES, "content"))
"""Which list makes a body an answer of which dialect."""


class ProviderAnswer:
    """What a provider said last to one call."""

    def __init__(self) -> None:
        self.raw: object = None
        self.is_sent = False
        """An HTTP request has left for it."""
        self.status: int | None = None
        """The HTTP status that came back; None as long as none did."""
        self.headers: object = None
        """Those that came back with it."""
        self.failure: Exception | None = None
        """Why nothing came back."""
        self.word: str | None = None
        """A finish reason that LiteLLM made a clean ending of, and that is not known to be one."""
        self.ends: dict[int, Mapping[str, Any]] = {}
        """Of a stream: how each choice ended, as its provider's own chunk says; LiteLLM passes on one ending alone."""
        self.has_usage: bool | None = None
        """Of a stream that LiteLLM translates: whether the provider counted; None where it was not looked at."""
        self.usage: object = None
        """LiteLLM's usage of it, where the client gets it in another API, which has no word for all that is charged."""
        self.counted: Mapping[str, Any] = {}
        """Of a stream: the usage that its provider sent last, in its own words; LiteLLM keeps it to the end."""
        self.is_miscounted = False
        """Numbers of its usage could not be believed, or were not there, and others stand for them."""
        self.estimate: Callable[[str], tuple[int, int]] | None = None
        """Tokens that went in, and of a text that came out, by a tokenizer; where nobody counts, nobody is told."""
        self.call: Mapping[str, Any] = {}
        """What LiteLLM knows of the call, by which it prices it: its parameters, its deployment."""
        self.log: object = None
        """LiteLLM's own log of the call."""
        self.bill: object = None
        """Of a tier's stream: the `TierBill` by which it is charged."""
        self.is_exhausted = False
        """LiteLLM's stream has been read to its end."""

    def note_end(self, index: int, said: Mapping[str, Any]) -> None:
        """What a chunk says in the fields of `ENDING` on how its choice ended, beside what earlier ones said of it.

        An error or a filter that acted stays, whatever ending comes after it; most chunks say nothing.
        """
        filtered = {name: one for name, one in mapping(said.get(_FILTERS)).items() if has_acted(one)}
        if not (filtered or said.get("finish_reason") or said.get("native_finish_reason") or said.get("error")):
            return
        before = self.ends.get(index, {})
        filtered = {**mapping(before.get(_FILTERS)), **filtered}
        error = before.get("error") or said.get("error")
        latest = {name: said.get(name) or before.get(name) for name in ENDING}
        self.ends[index] = {**latest, "error": error, _FILTERS: filtered}

    def is_given_up(self, error: BaseException) -> bool:
        """Whether nobody waited for what it was sent for: its provider may have read it all, and says nothing of it."""
        is_silent = self.failure is None and (self.status is None or self.status < _REFUSED)
        # A stream may time out behind its headers: nothing is wrong with what was sent then.
        is_left = not isinstance(error, Exception) or any(isinstance(one, httpx.ReadTimeout) for one in causes(error))
        return self.is_sent and ((is_silent and is_left) or isinstance(self.failure, httpx.ReadTimeout))

    @property
    def doubts(self) -> Mapping[int, str]:
        """The places of choices that did not come to a clean ending, each with the provider's own word for it."""
        view = self._view()
        if view is None or not view.choices:
            return {} if self.word is None else {0: self.word}
        return {
            place: choice.finish.native or MISSING
            for place, choice in enumerate(view.choices)
            if not choice.is_finished
        }

    @property
    def translated_word(self) -> str | None:
        """Why a stream that LiteLLM translates, and makes one answer of, has no clean ending; None where it has one."""
        if self.word is not None:
            return self.word
        for place, end in sorted(self.ends.items()):
            finish = finish_of(end)
            if not finish.is_finished and (place or Finish(finish_kind(end.get("finish_reason")), None).is_finished):
                return finish.native or MISSING
        return None

    def _view(self) -> AnswerView | None:
        if not isinstance(self.raw, str):
            return None
        try:
            body: object = jiter.from_json(self.raw.encode("utf-8", "replace"))
        except ValueError:
            return None
        return next(
            (view_of_answer(one, mapping(body)) for one, name in _SHAPES if items(mapping(body).get(name))), None
        )


def view_of_answer(dialect: Dialect, body: Mapping[str, Any]) -> AnswerView:
    """The answer without its log-probabilities: they say nothing of endings, and are most of a long answer."""
    return answer_view(dialect, hide_logprobs(body) if dialect is Dialect.CHAT else body)


current: ContextVar[ProviderAnswer | None] = ContextVar("thriftgate_provider_answer", default=None)


class Departure:
    """Whether an HTTP request has left while a client's was served, for whichever of its calls."""

    def __init__(self) -> None:
        self.is_sent = False


departure: ContextVar[Departure | None] = ContextVar("thriftgate_departure", default=None)
"""Calls have an answer each, tried one after the other; a client's request has one of these from first to last."""


def note(kwargs: Mapping[str, Any]) -> None:
    """LiteLLM shows what a provider answered: `kwargs` are those of its `log_post_api_call`."""
    answer = current.get()
    if answer is not None:
        answer.raw, answer.word = kwargs.get("original_response"), None


def note_call(kwargs: Mapping[str, Any]) -> None:
    """LiteLLM is about to ask a provider: `kwargs` are those of its `log_pre_api_call`."""
    answer = current.get()
    if answer is not None:
        answer.call = kwargs


def was_asked() -> bool:
    """Whether LiteLLM has asked a provider in this context."""
    answer = current.get()
    return answer is not None and bool(answer.call)


def doubt(word: str) -> None:
    """LiteLLM makes a clean ending of a word that is not known to be one."""
    answer = current.get()
    if answer is not None:
        answer.word = word
