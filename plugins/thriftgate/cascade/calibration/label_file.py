"""Reads labelled answers from JSON lines, and names every line that cannot be used.

    {"question": "…", "cheap": "…", "strong": "…", "label": true}
    {"messages": […], "cheap": {"content": "…", "logprobs": {…}}, "cheap_quality": 0.5, "strong_quality": 1}
    {"question": "…", "answers": {"small": "…", "middle": "…", "large": "…"}, "quality": {"small": 0, …}}

`label` says whether the cheap answer is as good as the strong one; qualities lie in [0, 1]. An answer is a text or
an OpenAI message with `logprobs`, `finish_reason` and `usage` beside it. `second` is another cheap answer, `judge` what
a judge model said of the cheapest tier's answer (in [0, 1]), `params` the request's parameters, `cost_usd` the price of
each tier's call. `prompt_version` and `deployments` (the provider's models by tier) say what the answers were made
with; they are the same on every line that has them.

Failure behaviour: nothing is raised for a bad line; it is left out and named in `problems` with its number, never
with its text. The same question and answer with two different labels is named with both lines.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from thriftgate.cascade.calibration.labels import Label
from thriftgate.cascade.scoring import answer_features
from thriftgate.cascade.signals.evidence import message_text
from thriftgate.cascade.signals.question import features as question_features
from thriftgate.types import Answer, ChatRequest, Choice

_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class TierPrice:
    """US dollars per token."""

    input: float
    output: float


@dataclass(slots=True)
class LabelFile:
    """What a file holds."""

    labels: list[Label] = field(default_factory=list[Label])
    questions: list[str] = field(default_factory=list[str])
    """The text of each label's question, for embedding."""
    problems: list[str] = field(default_factory=list[str])
    """`line 12: …`, in the file's order."""
    prompt_version: str | None = None
    """None where no line says."""
    deployments: Mapping[str, tuple[str, ...]] | None = None
    """The provider's models by tier; None where no line says."""


class _BadLineError(ValueError):
    """A line that cannot be used; the message says why."""


def read_labels(
    lines: Iterable[str], *, tiers: Sequence[str], prices: Mapping[str, TierPrice] | None = None
) -> LabelFile:
    """Labels from JSON lines; `tiers` are the route's model groups, cheapest first. Empty lines are skipped."""
    found = LabelFile()
    seen: dict[str, tuple[int, tuple[float, ...]]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = _object(line)
            request = _request(row)
            answers = _answers(row, tiers)
            label = _label(row, request, answers, tiers, prices or {})
            _note_making(found, row)
        except _BadLineError as problem:
            found.problems.append(f"line {number}: {problem}")
            continue
        key = json.dumps([request.messages, [answer.text if answer else None for answer in answers]], sort_keys=True)
        first, quality = seen.setdefault(key, (number, label.quality))
        if quality != label.quality:
            found.problems.append(f"line {number}: contradicts line {first}: same question and answers, other label")
            continue
        found.labels.append(label)
        found.questions.append(_asked(request))
    return found


def _asked(request: ChatRequest) -> str:
    """The text of the last user message, as a route embeds it."""
    return next((message_text(one) for one in reversed(request.messages) if one.get("role") == "user"), "")


def _note_making(found: LabelFile, row: Mapping[str, Any]) -> None:
    """What the answers were made with; a mixture would prove nothing about any of it."""
    version: object = row.get("prompt_version")
    if version is not None:
        if not isinstance(version, str):
            raise _BadLineError("`prompt_version` must be a text")
        if found.prompt_version not in (None, version):
            raise _BadLineError("was made with another prompt version than the lines before")
        found.prompt_version = version
    deployments: object = row.get("deployments")
    if deployments is not None:
        models = _models_by_tier(deployments)
        if found.deployments not in (None, models):
            raise _BadLineError("was made with other models than the lines before")
        found.deployments = models


def _models_by_tier(value: object) -> dict[str, tuple[str, ...]]:
    models: dict[str, tuple[str, ...]] = {}
    for tier, names in cast("Mapping[str, object]", value).items() if isinstance(value, dict) else [("", None)]:
        if not isinstance(names, list) or not all(isinstance(one, str) for one in cast("list[object]", names)):
            raise _BadLineError("`deployments` must name a list of models for each tier")
        models[tier] = tuple(cast("list[str]", names))
    return models


def _object(line: str) -> Mapping[str, Any]:
    try:
        row: object = json.loads(line)
    except ValueError as error:
        raise _BadLineError(f"no JSON ({error.args[0].split(':')[0] if error.args else error})") from None
    if not isinstance(row, dict):
        raise _BadLineError("not a JSON object")
    return cast("Mapping[str, Any]", row)


def _request(row: Mapping[str, Any]) -> ChatRequest:
    messages, question = row.get("messages"), row.get("question")
    if messages is None and isinstance(question, str) and question.strip():
        messages = [{"role": "user", "content": question}]
    if (
        not isinstance(messages, list)
        or not messages
        or not all(isinstance(one, dict) for one in cast("Any", messages))
    ):
        raise _BadLineError("needs `question` (a text) or `messages` (a list)")
    params: object = row.get("params") or {}
    if not isinstance(params, dict):
        raise _BadLineError("`params` must be an object")
    conversation = cast("list[dict[str, Any]]", messages)
    return ChatRequest(
        request_id="label", route="", messages=tuple(conversation), params=cast("dict[str, Any]", params)
    )


def _answers(row: Mapping[str, Any], tiers: Sequence[str]) -> list[Answer | None]:
    """Each tier's answer; the strongest one's may be missing, since only its quality counts."""
    given = row.get("answers")
    if given is None:
        if len(tiers) != 2:
            raise _BadLineError(f"needs `answers` with the tiers {', '.join(tiers)}")
        given = {tiers[0]: row.get("cheap"), tiers[1]: row.get("strong")}
    if not isinstance(given, dict):
        raise _BadLineError("`answers` must be an object")
    answers = [_answer(cast("Mapping[str, Any]", given).get(tier), tier) for tier in tiers]
    missing = [tier for tier, answer in zip(tiers[:-1], answers, strict=False) if answer is None]
    if missing:
        raise _BadLineError(f"has no answer of {', '.join(missing)}")
    return answers


def _answer(value: object, tier: str) -> Answer | None:
    if value is None:
        return None
    if isinstance(value, str):
        value = {"content": value}
    if not isinstance(value, dict):
        raise _BadLineError(f"the answer of {tier} must be a text or an object")
    body = cast("dict[str, Any]", value)
    logprobs: object = body.get("logprobs")
    if isinstance(logprobs, list):
        logprobs = {"content": cast("list[Any]", logprobs)}
    if logprobs is not None and not _are_logprobs(logprobs):
        raise _BadLineError(f"the logprobs of {tier} are not OpenAI's (a list of objects with `token` and `logprob`)")
    message = {"role": "assistant", **{key: body[key] for key in ("content", "tool_calls", "refusal") if key in body}}
    choice = Choice(message, str(body.get("finish_reason") or "stop"), cast("Mapping[str, Any] | None", logprobs))
    return Answer(choices=(choice,), model=tier, cost_usd=_cost(body.get("cost_usd")))


def _are_logprobs(value: object) -> bool:
    content: object = cast("Mapping[str, Any]", value).get("content") if isinstance(value, dict) else None
    if content is None:
        return isinstance(value, dict)
    return isinstance(content, list) and all(
        isinstance(one, dict) and isinstance(cast("Mapping[str, Any]", one).get("logprob"), int | float)
        for one in cast("list[object]", content)
    )


def _label(
    row: Mapping[str, Any],
    request: ChatRequest,
    answers: Sequence[Answer | None],
    tiers: Sequence[str],
    prices: Mapping[str, TierPrice],
) -> Label:
    earlier = _answer(row.get("second"), "second")
    rating = None if row.get("judge") is None else _share(row["judge"], "judge")
    features: list[dict[str, float]] = []
    vetoes: list[str | None] = []
    for answer in answers[:-1]:
        if answer is not None:
            measured, veto = answer_features(request, answer, second=earlier, rating=rating)
            features.append(measured)
            vetoes.append(veto)
        earlier, rating = answer, None
    asked = json.dumps(request.messages, sort_keys=True, default=str)
    return Label(
        group=hashlib.sha256(asked.encode()).hexdigest()[:16],
        quality=_quality(row, tiers),
        cost_usd=_costs(row, answers, tiers, prices, len(asked)),
        features=tuple(features),
        vetoes=tuple(vetoes),
        question=question_features(request),
    )


def _quality(row: Mapping[str, Any], tiers: Sequence[str]) -> tuple[float, ...]:
    """Each tier's quality from `quality`, from the pair of qualities, or from `label`; all must agree."""
    found: list[tuple[float, ...]] = []
    named = row.get("quality")
    if isinstance(named, dict):
        found.append(tuple(_share(cast("Mapping[str, Any]", named).get(tier), f"quality.{tier}") for tier in tiers))
    if len(tiers) == 2 and "cheap_quality" in row:
        strong = _share(row.get("strong_quality", 1), "strong_quality")
        found.append((_share(row["cheap_quality"], "cheap_quality"), strong))
    if len(tiers) == 2 and "label" in row:
        found.append((_share(row["label"], "label"), 1.0))
    if not found:
        wanted = "`label`, `cheap_quality` and `strong_quality`, or `quality`" if len(tiers) == 2 else "`quality`"
        raise _BadLineError(f"has no {wanted}")
    # A label and a pair of qualities may both be there; they say the same when both call the cheap answer no worse.
    if len({one[0] >= one[-1] for one in found}) > 1:
        raise _BadLineError("contradicts itself: its label and its qualities disagree")
    return found[0]


def _share(value: object, name: str) -> float:
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
        raise _BadLineError(f"`{name}` must be true, false or a number from 0 to 1")
    return float(value)


def _cost(value: object) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not (value >= 0 and math.isfinite(value)):
        raise _BadLineError("`cost_usd` must be a number of US dollars")
    return float(value)


def _costs(
    row: Mapping[str, Any],
    answers: Sequence[Answer | None],
    tiers: Sequence[str],
    prices: Mapping[str, TierPrice],
    asked: int,
) -> tuple[float, ...]:
    """What each tier's call cost: as the line says, else by price and length, else the line cannot be used."""
    stated: object = row.get("cost_usd") or {}
    if not isinstance(stated, dict):
        raise _BadLineError("`cost_usd` must name each tier's cost")
    costs: list[float] = []
    for tier, answer in zip(tiers, answers, strict=True):
        value = _cost(cast("Mapping[str, Any]", stated).get(tier)) or (answer.cost_usd if answer else 0.0)
        price = prices.get(tier)
        if not value and price is not None:
            # A strong answer that is not in the file is taken to be as long as the cheap one.
            said = next((len(one.text) for one in (answer, *answers) if one is not None), 0)
            value = (asked * price.input + said * price.output) / _CHARACTERS_PER_TOKEN
        if not value and price is None:
            raise _BadLineError(f"has no cost of {tier}: give `cost_usd` there, or its price on the command line")
        costs.append(value)
    return tuple(costs)
