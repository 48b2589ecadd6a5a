"""How a model is asked for JSON of a shape: natively where its provider can, in words where not, and once more."""

import json
from typing import Any

from thriftgate.output.requirement import Requirement


def response_format(requirement: Requirement) -> dict[str, Any]:
    """The parameter `response_format` in OpenAI's form, for a tier that has it."""
    if requirement.schema is None:
        return {"type": "json_object"}
    return {
        "type": "json_schema",
        "json_schema": {"name": requirement.name, "schema": requirement.schema.document.root},
    }


def in_words(requirement: Requirement) -> str:
    """A system text for a tier without a native form."""
    if requirement.schema is None:
        return "Answer with one JSON object and nothing else: no code fence, no text before or after it."
    schema = json.dumps(requirement.schema.document.root, ensure_ascii=False)
    return (
        "Answer with one JSON value and nothing else: no code fence, no text before or after it. "
        f"It must be valid under this JSON schema:\n{schema}"
    )


def once_more(objection: str) -> str:
    """A user's text after an answer that cannot be used."""
    return (
        f"That answer cannot be used: {objection}. "
        "Answer again with the complete JSON and nothing else, keeping all that was right."
    )
