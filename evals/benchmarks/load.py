"""Sends questions over HTTP, as fast as they are answered, and measures what that took.

The scenarios and how each makes its questions:

| scenario | model | questions |
|---|---|---|
| bare | LiteLLM's own `small` | all different |
| LiteLLM's own exact hits (`local`, `redis`) | LiteLLM's own `small` | the same again and again |
| Portkey's gateway | `small` | all different |
| nothing on | route `plain` | all different |
| miss | route `cached` | all different, of different subjects |
| exact hit | route `cached` | the same again and again |
| semantic hit | route `alike` | one question in ever new words |
| cascade accepted | route `cascade` | all different |

"nothing on", "miss" and "exact hit" once more as streams of 80 chunks, each beside the bare proxy's stream.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, product
from random import Random

import aiohttp

CONCURRENCY = 8
ASKED = "How do I reset the password of my account when I no longer have access to the old email address?"
_WORDS = [
    "invoice",
    "parcel",
    "scanner",
    "shelf",
    "label",
    "printer",
    "export",
    "import",
    "warehouse",
    "supplier",
    "barcode",
    "coupon",
    "voucher",
    "refund",
    "tax",
    "currency",
    "team",
    "role",
    "seat",
    "plan",
    "trial",
    "backup",
    "sync",
    "webhook",
    "token",
    "login",
    "phone",
    "tablet",
    "receipt",
    "drawer",
    "till",
    "discount",
]
_OPENERS = ("", "Hi, ", "Hello, ", "Hello there, ", "Good morning, ", "Good evening, ", "Hey, ", "Hi there, ",
            "Dear team, ", "Excuse me, ", "Sorry, ", "Quick question: ")  # fmt: skip
_MIDDLES = ("how do I reset", "how can I reset", "how could I reset", "please tell me how to reset",
            "how would I reset",
            "could you say how to reset", "what do I do to reset", "how does one reset")  # fmt: skip
_ENDINGS = ("?", "? Thanks.", "? Thank you.", "? Thanks a lot.", "? Many thanks.", "? Please help.", "? Cheers.",
            "? Kind regards.", "? Best wishes.", "? Greetings.", "? I am waiting.", "? It is urgent.",
            "? Thanks in advance.", "? Much obliged.", "? Best.", "? Bye.")  # fmt: skip


@dataclass(slots=True)
class Sent:
    """What a batch of requests took. Seconds."""

    wall: float = 0.0
    latencies: list[float] = field(default_factory=list[float])
    decisions: Counter[str] = field(default_factory=Counter[str])
    """Of the gateway; "none" where the answer names none."""


class Questions:
    """Questions that no earlier batch has asked."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = Random(seed)
        self._number = count()
        self._alike = self._in_new_words()

    def different(self, n: int) -> list[str]:
        """Of twenty words each, about different things."""
        return [f"{' '.join(self._rng.choices(_WORDS, k=19))} {next(self._number)}?" for _ in range(n)]

    def same(self, n: int) -> list[str]:
        """One question n times."""
        return [ASKED] * n

    def alike(self, n: int) -> list[str]:
        """One question in n different wordings that no guard objects to."""
        return [next(self._alike) for _ in range(n)]

    def _in_new_words(self) -> Iterator[str]:
        rest = "the password of my account when I no longer have access to the old email address"
        wordings = [f"{a}{b} {rest}{c}" for a, b, c in product(_OPENERS, _MIDDLES, _ENDINGS)]
        self._rng.shuffle(wordings)
        yield from wordings


async def send(
    url: str,
    key: str,
    model: str,
    questions: Sequence[str],
    *,
    streams: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Sent:
    """Ask every question, `CONCURRENCY` at a time. RuntimeError when an answer is no success or breaks off."""
    sent = Sent()
    waiting = iter(questions)
    told = {"authorization": f"Bearer {key}", **(headers or {})}
    more = {"stream": True, "stream_options": {"include_usage": True}} if streams else {}
    async with aiohttp.ClientSession(headers=told) as session:

        async def work() -> None:
            for question in waiting:
                body = {"model": model, "messages": [{"role": "user", "content": question}], **more}
                started = time.perf_counter()
                async with session.post(f"{url}/v1/chat/completions", json=body) as response:
                    text = await response.text()
                    if response.status != 200 or (streams and not text.endswith("data: [DONE]\n\n")):
                        raise RuntimeError(f"{model}: status {response.status}: {text[:200]} … {text[-200:]}")
                    sent.decisions[response.headers.get("x-thriftgate-decision", "none")] += 1
                sent.latencies.append(time.perf_counter() - started)

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(work())
        sent.wall = time.perf_counter() - started
    return sent
