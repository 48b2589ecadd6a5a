"""Stand-ins for the ports, with memory: they do what they are told and remember what they were asked.

The stores (`InMemoryAnswerCache`, `InMemoryFlights`) pass the contract suites of the real ones in `tests/stores`,
so a service that works with them does not work by accident.
"""

import asyncio
import hashlib
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from tests.clocks import FakeClock, LoopClock
from tests.memory_ledger import MemoryLedger
from tests.memory_stores import InMemoryAnswerCache, InMemorySingleFlight

from thriftgate.errors import StoreUnavailableError, TierFailedError
from thriftgate.tracing.attributes import TokenPrices, split_cost
from thriftgate.types import Answer, Caller, CallPurpose, ChatRequest, Choice, StreamPiece, Usage, Vector

__all__ = [
    "Asked",
    "FakeClock",
    "FakeCompleter",
    "FakeEmbedder",
    "FakePricer",
    "Held",
    "InMemoryAnswerCache",
    "InMemorySingleFlight",
    "LoopClock",
    "MemoryLedger",
    "Reply",
    "Streamed",
    "answer_of",
    "ask",
    "failure",
    "settle",
    "stream_of",
]

PROMPT_TOKENS = 10
"""Every faked answer says it read so many tokens; it wrote as many as it has words."""


def ask(question: str = "how do I get a refund", **fields: Any) -> ChatRequest:
    """A request of a known caller to the route `support`."""
    defaults: dict[str, Any] = {
        "request_id": "r1",
        "route": "support",
        "messages": ({"role": "user", "content": question},),
        "caller": Caller(key_hash="key-1", team_id="team-1"),
    }
    return ChatRequest(**(defaults | fields))


def answer_of(text: str, *, model: str = "small", logprob: float | None = None, **fields: Any) -> Answer:
    """An answer of one finished choice; `logprob` is that of each of its words."""
    tokens: list[dict[str, Any]] = [{"token": word, "logprob": logprob, "top_logprobs": []} for word in text.split()]
    logprobs: dict[str, Any] | None = None if logprob is None else {"content": tokens}
    defaults: dict[str, Any] = {
        "choices": (Choice({"role": "assistant", "content": text}, "stop", logprobs),),
        "model": model,
        "deployment": f"fake/{model}",
        "usage": Usage(PROMPT_TOKENS, len(text.split())),
    }
    return Answer(**(defaults | fields))


def stream_of(answer: Answer) -> list[Mapping[str, Any]]:
    """The answer as a provider streams it: word by word, the finish reason, then the usage."""
    frame: dict[str, Any] = {"id": "chatcmpl-fake", "model": answer.deployment}
    chunks: list[Mapping[str, Any]] = [{**frame, "choices": [_delta({"role": "assistant", "content": ""})]}]
    for choice in answer.choices:
        tokens = (choice.logprobs or {}).get("content") or ()
        for place, word in enumerate(choice.text.split(" ")):
            delta = _delta({"content": word if place == 0 else f" {word}"})
            chunks.append(
                {**frame, "choices": [delta | ({"logprobs": {"content": [tokens[place]]}} if tokens else {})]}
            )
        chunks.append({**frame, "choices": [{**_delta({}), "finish_reason": choice.finish_reason}]})
    usage = {"prompt_tokens": answer.usage.prompt_tokens, "completion_tokens": answer.usage.completion_tokens}
    return [*chunks, {**frame, "choices": [], "usage": usage}]


def _delta(delta: Mapping[str, Any]) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": None}


async def settle(rounds: int = 50) -> None:
    """Let every other task run as far as it can without time passing."""
    for _ in range(rounds):
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that a completer got."""

    model: str
    request: ChatRequest
    purpose: CallPurpose
    is_streamed: bool


@dataclass(slots=True)
class Held:
    """A reply that comes when `release` is set; `reached` is set when somebody waits for it."""

    reply: "Reply"
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Streamed:
    """A stream chunk by chunk; a Held among the chunks is waited for, an exception is raised."""

    chunks: Sequence[Mapping[str, Any] | StreamPiece | Held | BaseException]


Reply = str | Answer | BaseException | Held | Streamed


class FakeCompleter:
    """Answers with what was enqueued for a model, else with its standing reply."""

    def __init__(self, standing: Mapping[str, Reply] | None = None, *, pricer: "FakePricer | None" = None) -> None:
        self.standing: dict[str, Reply] = dict(standing or {})
        self.history: list[Asked] = []
        self.cancelled: list[str] = []
        """Models whose call was cancelled or closed before it had ended."""
        self.without_logprobs: set[str] = set()
        self.losing: dict[str, Sequence[str]] = {}
        """What of every request a model would not get."""
        self.chunks_sent: defaultdict[str, int] = defaultdict(int)
        self._queues: defaultdict[str, deque[Reply]] = defaultdict(deque)
        self._pricer = pricer or FakePricer()

    def enqueue(self, model: str, *replies: Reply) -> None:
        """What `model` says next, one reply for each call."""
        self._queues[model].extend(replies)

    @property
    def models(self) -> list[str]:
        """Who was asked, in order."""
        return [asked.model for asked in self.history]

    async def complete(self, model: str, request: ChatRequest, *, purpose: CallPurpose) -> Answer:
        reply = self._take(model, request, purpose, is_streamed=False)
        try:
            while isinstance(reply, Held):
                reply.reached.set()
                await reply.release.wait()
                reply = reply.reply
        except asyncio.CancelledError:
            self.cancelled.append(model)
            raise
        if isinstance(reply, BaseException):
            raise reply
        assert not isinstance(reply, Streamed), "a Streamed reply is for stream()"
        return self._answer(model, reply)

    async def stream(
        self, model: str, request: ChatRequest, *, purpose: CallPurpose
    ) -> AsyncGenerator[StreamPiece, None]:
        reply = self._take(model, request, purpose, is_streamed=True)
        script = reply.chunks if isinstance(reply, Streamed) else [reply]
        try:
            for step in script:
                while isinstance(step, Held):
                    step.reached.set()
                    await step.release.wait()
                    step = step.reply
                if isinstance(step, BaseException):
                    raise step
                for piece in self._pieces(model, step):
                    self.chunks_sent[model] += 1
                    yield piece
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.append(model)
            raise

    def _pieces(self, model: str, step: str | Answer | Streamed | Mapping[str, Any] | StreamPiece) -> list[StreamPiece]:
        if isinstance(step, StreamPiece):
            return [step]
        events = [step] if isinstance(step, Mapping) else stream_of(self._answer(model, step))
        return [StreamPiece(event, deployment=f"fake/{model}") for event in events]

    def lost(self, model: str, request: ChatRequest) -> Sequence[str]:
        return self.losing.get(model, ())

    def deployment_of(self, model: str) -> str:
        return f"fake/{model}"

    def supports(self, model: str, param: str) -> bool:
        return model not in self.without_logprobs

    def _take(self, model: str, request: ChatRequest, purpose: CallPurpose, *, is_streamed: bool) -> Reply:
        self.history.append(Asked(model, request, purpose, is_streamed))
        queue = self._queues[model]
        if queue:
            return queue.popleft()
        assert model in self.standing, f"nobody said what '{model}' answers"
        return self.standing[model]

    def _answer(self, model: str, reply: str | Answer | Streamed | Mapping[str, Any]) -> Answer:
        if isinstance(reply, str):
            reply = answer_of(reply, model=model)
        assert isinstance(reply, Answer)
        cost_usd = reply.cost_usd or self._pricer.cost_usd(model, reply.usage) or 0.0
        return replace(reply, model=model, cost_usd=cost_usd)


class FakePricer:
    """Small costs a thousandth of a dollar a token, large ten times as much; a token is a word."""

    def __init__(self, per_token: Mapping[str, float] | None = None) -> None:
        self.per_token = dict(per_token or {"small": 0.001, "middle": 0.003, "large": 0.01})

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        price = self.per_token.get(model)
        return None if price is None else price * usage.total_tokens

    def call_cost_usd(self, model: str, usage: Mapping[str, Any], *, deployment_id: str = "") -> float | None:
        return self.cost_usd(model, Usage(usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0))

    def cost_parts(self, model: str, usage: Usage, cost_usd: float, *, deployment_id: str = "") -> Mapping[str, float]:
        return split_cost(usage, cost_usd, TokenPrices(1.0, 0.5, 1.0))

    def count_tokens(self, model: str, messages: Sequence[Mapping[str, Any]] | str) -> int:
        if isinstance(messages, str):
            return len(messages.split())
        return sum(len(str(message.get("content") or "").split()) for message in messages)


class FakeEmbedder:
    """Every text has a direction of its own; `place` puts one at a chosen cosine to another."""

    dimensions = 8

    def __init__(self) -> None:
        self.fingerprint = "fake-8"
        self.history: list[str] = []
        self.is_away = False
        self._known: dict[str, Vector] = {}
        self._placed: dict[str, Vector] = {}

    def place(self, text: str, *, near: str, cosine: float) -> None:
        """From now on `text` has this cosine to `near`."""
        first, other = self._vector(near), _direction(text)
        across = other - (other @ first) * first
        across /= np.linalg.norm(across)
        self._placed[text] = (cosine * first + np.sqrt(1 - cosine**2) * across).astype(np.float32)

    def cached(self, text: str) -> Vector | None:
        return self._known.get(text)

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        await asyncio.sleep(0)
        if self.is_away:
            raise StoreUnavailableError("the embedder is away")
        self.history.extend(texts)
        self._known.update({text: self._vector(text) for text in texts})
        return np.stack([self._known[text] for text in texts])

    def _vector(self, text: str) -> Vector:
        return self._placed.get(text, _direction(text))


def _direction(text: str) -> Vector:
    seed = int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
    drawn = np.random.default_rng(seed).standard_normal(FakeEmbedder.dimensions)
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def failure(model: str = "small", cause: str = "timed out", **fields: Any) -> TierFailedError:
    """A tier that gives nothing."""
    return TierFailedError(model, cause, **fields)
