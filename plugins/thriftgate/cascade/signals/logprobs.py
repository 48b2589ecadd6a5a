"""How sure the model was of its own words: token log-probabilities.

Cost: free where the provider returns `logprobs` (OpenAI-compatible ones do; Anthropic does not).
Low quantiles tell more than the mean, which a long fluent answer dilutes (Gupta et al. 2024, arXiv 2404.10136);
the margin between the two best tokens is the least overconfident of all (UCCI 2026, arXiv 2605.18796).
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from typing import Any

from thriftgate.cascade.signals.evidence import Signal, SignalEvidence

_MOST_TOKENS = 500
"""Tokens that are read, from the answer's end, where its conclusion stands; more would cost time and tell little."""
_SAYS = re.compile(r"[^\W_]").search
"""A letter or digit, as `str.isalnum` has it."""
_LEAST = -100.0
_NO_MARGIN = 20.0
"""Stands for "no alternative was given": as sure as can be."""
_ROUNDING = 1e-3
"""By which a token may be less likely than the same token among its alternatives."""


def measure(evidence: SignalEvidence) -> Mapping[str, float] | None:
    """Mean, minimum and low quantiles in nats (0 is certain), margins where alternatives were named, in nats."""
    return summarise((evidence.choice.logprobs or {}).get("content") or ())


def summarise(tokens: Sequence[Mapping[str, Any]]) -> Mapping[str, float] | None:
    """The same of raw OpenAI logprob entries; None when there is none."""
    scored = tokens[-_MOST_TOKENS:]
    if None in [token.get("logprob") for token in scored]:
        scored = [token for token in scored if token.get("logprob") is not None]
    # Punctuation and white space are nearly certain whatever the answer is worth: they would hide the doubt.
    content = [token for token in scored if (text := token.get("token")) and (text[-1].isalnum() or _SAYS(text))]
    content = content or scored
    if not content:
        return None
    # What is no number counts as the least likely.
    said = [value if (value := float(token["logprob"])) > _LEAST else _LEAST for token in content]
    values = sorted(said)
    alternatives = [token.get("top_logprobs") or () for token in content]
    mean = sum(values) / len(values)
    found = {
        "logprob_mean": mean,
        "logprob_min": values[0],
        "logprob_q10": _quantile(values, 0.1),
        "logprob_q25": _quantile(values, 0.25),
        # log(-log p) spreads out the crowd of nearly certain answers (rational tuning, arXiv 2501.09345).
        "logprob_stretched": math.log(1e-6 - mean),
    }
    # A client may ask for log-probabilities without alternatives: that none was named must not count as sure of all.
    if any(len(tops) > 1 for tops in alternatives):
        margins = sorted(margins_of(said, alternatives))
        found |= {"margin_min": margins[0], "margin_q10": _quantile(margins, 0.1)}
    return found


def margins_of(said: Iterable[float], alternatives: Iterable[Sequence[Mapping[str, Any]]]) -> list[float]:
    """How far each token is ahead of the best other one, in nats; 0 where another was likelier than what was said.

    Alternatives come best first, as OpenAI's API has them.
    """
    # Most have two, as many as we ask for; an answer has hundreds of tokens, so that a call for each would count.
    ahead = [
        0.0
        if tops and value < tops[0]["logprob"] - _ROUNDING
        else abs(tops[0]["logprob"] - tops[1]["logprob"])
        if len(tops) == 2
        else _margin(tops)
        for value, tops in zip(said, alternatives, strict=True)
    ]
    # What is no number is no lead.
    return [margin if margin < _NO_MARGIN else _NO_MARGIN if margin >= _NO_MARGIN else 0.0 for margin in ahead]


def _margin(tops: Sequence[Mapping[str, Any]]) -> float:
    """Between the best two of any number of alternatives."""
    best, second = nlargest(2, [-math.inf, -math.inf, *(float(top["logprob"]) for top in tops)])
    return best - second if second > -math.inf else _NO_MARGIN


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between neighbours, of an ordered sequence."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


LOGPROBS = Signal(
    name="logprobs",
    cost="logprobs",
    features=(
        "logprob_mean",
        "logprob_min",
        "logprob_q10",
        "logprob_q25",
        "margin_min",
        "margin_q10",
        "logprob_stretched",
    ),
    measure=measure,
)
