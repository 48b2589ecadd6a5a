"""Answers as JSON and back, for followers in other workers and for export."""

from collections.abc import Mapping
from typing import Any

from thriftgate.caching.entries import usage_fields
from thriftgate.types import Answer, Choice, Usage


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """The answer as a JSON object."""
    return {
        "choices": [
            {"message": dict(choice.message), "finish_reason": choice.finish_reason, "logprobs": choice.logprobs}
            for choice in answer.choices
        ],
        "model": answer.model,
        "deployment": answer.deployment,
        "usage": usage_fields(answer.usage),
        "cost_usd": answer.cost_usd,
        "provider_id": answer.provider_id,
        "body": answer.body,
    }


def answer_from_json(raw: Mapping[str, Any]) -> Answer:
    """The answer of `answer_to_json`. Raises KeyError or TypeError when it is not one."""
    return Answer(
        choices=tuple(
            Choice(message=choice["message"], finish_reason=choice["finish_reason"], logprobs=choice["logprobs"])
            for choice in raw["choices"]
        ),
        model=raw["model"],
        deployment=raw["deployment"],
        usage=Usage(**raw["usage"]),
        cost_usd=raw["cost_usd"],
        provider_id=raw["provider_id"],
        body=raw.get("body"),
    )
