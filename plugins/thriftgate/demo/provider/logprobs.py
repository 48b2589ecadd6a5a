"""Token log-probabilities that look like a language model's: near zero where it is sure, spread where it is not.

A token's log-probability is -doubt * e with e drawn from an exponential distribution, so that the mean over an
answer is about -doubt. Numbers and names, where a model that does not know gives itself away, get three times the
doubt of the words between them.

Failure behaviour: pure; randomness is passed in.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import Any

_TELLING_WEIGHT = 3.0
_NEVER_CERTAIN = 1e-6
_LEAST_PROBABILITY = 1e-6
_NEXT_SHARE = 0.6
"""The most likely alternative takes this share of what the chosen token leaves; the next one this share of the rest."""
_ALTERNATIVES = (
    " the", " a", " you", " your", " we", " can", " is", " to", " in", " for", " days", " plan", " order", ",", ".",
    " 14", " 30", " 7", " 5", " not", " and", " or", " it", " by", " from", " with",
)  # fmt: skip


def draw_logprobs(tokens: Sequence[str], *, doubt: float, rng: Random) -> list[float]:
    """One natural-log probability for each token, in [ln 1e-6, 0)."""
    weights = [_TELLING_WEIGHT if _is_telling(token) else 1.0 for token in tokens]
    scale = doubt * len(weights) / (sum(weights) or 1.0)
    least = math.log(_LEAST_PROBABILITY)
    return [round(max(least, -rng.expovariate(1.0) * scale * weight - _NEVER_CERTAIN), 6) for weight in weights]


def logprobs_object(tokens: Sequence[str], values: Sequence[float], *, top: int) -> dict[str, Any]:
    """OpenAI's `logprobs` of a choice: `content` with one object per token, each with its `top` likeliest."""
    return {
        "content": [
            {**_token(token, value), "top_logprobs": _top(token, value, top) if top else []}
            for token, value in zip(tokens, values, strict=True)
        ],
        "refusal": None,
    }


def _is_telling(token: str) -> bool:
    body = token.strip()
    return body[:1].isdigit() or body[:1].isupper() or body in {"$", "€", "%", "not", "no"}


def _token(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}


def _top(token: str, value: float, top: int) -> list[dict[str, Any]]:
    """The likeliest tokens at a place, the chosen one among them, best first; their probabilities sum to below 1."""
    found = [_token(token, value)]
    left = max(_LEAST_PROBABILITY, -math.expm1(value))
    start = len(token) + ord(token[0]) if token else 0
    for place in range(top + 1):
        if len(found) == top:
            break
        other = _ALTERNATIVES[(start + place) % len(_ALTERNATIVES)]
        if other != token:
            found.append(_token(other, round(math.log(max(_LEAST_PROBABILITY, left * _NEXT_SHARE)), 6)))
            left *= 1 - _NEXT_SHARE
    return sorted(found, key=lambda entry: -entry["logprob"])
