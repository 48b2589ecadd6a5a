"""The answer has the shape that was asked for: not empty, not cut off, JSON that fits the schema. Cost: free.

What is found here is a veto, not a shade of doubt: such an answer would fail its reader whatever it says.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from thriftgate.cascade.signals.evidence import NOT_JSON, Evidence, Signal


def objection(evidence: Evidence) -> str | None:
    """A fixed phrase for why the answer cannot be used; None when its shape is fine."""
    choice = evidence.choice
    if choice.finish_reason == "content_filter":
        return "content_filter"
    if not choice.text.strip() and not choice.tool_calls:
        return "empty_answer"
    if choice.finish_reason == "length" and not _is_capped_by_client(evidence.request.params):
        return "cut_off"
    if choice.tool_calls:
        return None
    return schema_objection(evidence)


def schema_objection(evidence: Evidence) -> str | None:
    """Whether the answer is the JSON that `response_format` asks for."""
    wanted = evidence.request.params.get("response_format")
    if not isinstance(wanted, Mapping):
        return None
    kind = cast("Mapping[str, Any]", wanted).get("type")
    if kind not in ("json_object", "json_schema"):
        return None
    if evidence.parsed is NOT_JSON:
        return "invalid_json"
    described = cast("Mapping[str, Any]", wanted).get("json_schema")
    schema = cast("Mapping[str, Any]", described).get("schema") if isinstance(described, Mapping) else None
    if kind == "json_object" or not isinstance(schema, Mapping):
        return None
    return None if fits(evidence.parsed, cast("Mapping[str, Any]", schema)) else "schema_invalid"


def fits(value: object, schema: Mapping[str, Any]) -> bool:
    """Whether a JSON value is valid under a JSON schema; a schema that is itself broken asks for nothing."""
    return _validator(json.dumps(schema, sort_keys=True))(value)


def measure(evidence: Evidence) -> Mapping[str, float]:
    """1 where there is an objection."""
    return {"invalid": float(objection(evidence) is not None)}


def _is_capped_by_client(params: Mapping[str, Any]) -> bool:
    """A client that sets its own limit gets cut answers from every tier."""
    return params.get("max_tokens") is not None or params.get("max_completion_tokens") is not None


@lru_cache(maxsize=256)
def _validator(schema_json: str) -> Any:
    from jsonschema import validators
    from jsonschema.exceptions import SchemaError

    schema = json.loads(schema_json)
    kind: Any = validators.validator_for(schema, default=validators.validator_for({}))
    try:
        kind.check_schema(schema)
    except SchemaError:
        return lambda value: True  # pyright: ignore[reportUnknownLambdaType, reportUnknownVariableType]
    return kind(schema).is_valid


VALIDITY = Signal(name="validity", cost="free", features=("invalid",), measure=measure)
