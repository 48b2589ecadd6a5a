"""How many LLM tokens a request will use, before anybody knows.

The prompt is as long as its text; how many bytes a token has is learned from answers (languages and tokenizers
differ by a factor of four). The answer is expected as answers were before: their mean and twice their mean deviation
above it, as TCP expects a round trip (Jacobson 1988), but never more than the client allows.
"""

from dataclasses import dataclass, replace

_WEIGHT = 1 / 16
"""Of a new observation. Small, since one request says little about the next."""
_FIRST_WEIGHTS = 8
"""So many observations in, the first ones still count as a plain mean."""
_DEVIATIONS = 2.0
COMPLETION_WEIGHT = 4.0
"""What a token of an answer costs a model more than one of a prompt: written one by one, where those are read at
once. Providers charge four to five times as much for it."""


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """Tokens expected of one request."""

    prompt: float
    completion: float

    @property
    def total(self) -> float:
        """What limits of tokens count."""
        return self.prompt + self.completion

    @property
    def work(self) -> float:
        """What the fair queue counts: tokens of a prompt, those of an answer at their weight."""
        return self.prompt + COMPLETION_WEIGHT * self.completion


@dataclass(frozen=True, slots=True)
class Experience:
    """What the requests to a model have been like; begins with a guess."""

    bytes_per_token: float = 4.0
    completion: float = 200.0
    deviation: float = 100.0
    n: int = 0

    def expect(self, prompt_bytes: int, *, max_completion: int | None = None, choices: int = 1) -> TokenEstimate:
        """The tokens of a request with so many bytes of text and answers of `max_completion` at most; few use more.

        Right for what must not be exceeded.
        """
        return self._of(self.completion + _DEVIATIONS * self.deviation, prompt_bytes, max_completion, choices)

    def likely(self, prompt_bytes: int, *, max_completion: int | None = None, choices: int = 1) -> TokenEstimate:
        """The same in the mean. Right for sums: a queue of `expect`ed requests seems twice as long as it is."""
        return self._of(self.completion, prompt_bytes, max_completion, choices)

    def _of(self, completion: float, prompt_bytes: int, max_completion: int | None, choices: int) -> TokenEstimate:
        if max_completion is not None:
            completion = min(completion, float(max_completion))
        return TokenEstimate(max(1.0, prompt_bytes / self.bytes_per_token), max(1.0, completion) * max(1, choices))

    def learn(self, prompt_bytes: int, prompt_tokens: int, completion_tokens: int) -> "Experience":
        """With one more request that has ended. What says nothing (no tokens, no text) changes nothing."""
        if completion_tokens <= 0:
            return self
        weight = max(_WEIGHT, 1 / (self.n + 1)) if self.n < _FIRST_WEIGHTS else _WEIGHT
        error = completion_tokens - self.completion
        learned = replace(
            self,
            completion=self.completion + weight * error,
            deviation=self.deviation + weight * (abs(error) - self.deviation),
            n=self.n + 1,
        )
        if prompt_tokens <= 0 or prompt_bytes <= 0:
            return learned
        ratio = min(16.0, max(0.25, prompt_bytes / prompt_tokens))
        return replace(learned, bytes_per_token=self.bytes_per_token + weight * (ratio - self.bytes_per_token))
