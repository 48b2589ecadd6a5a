"""The section `output` of a route."""

from typing import Any

from pydantic import Field, field_validator

from thriftgate.config.sections.base import Section
from thriftgate.schemas import Refusal, compile_schema


class OutputConfig(Section):
    """Answers that must be JSON of a given shape. Present: the caller's own schemas are enforced as well."""

    json_schema: dict[str, Any] | None = Field(
        default=None,
        description="The JSON schema that every answer of the route must fit, unless the caller sends one; absent: "
        "only what callers ask for (`response_format`, `text.format`, `output_config`, the schemas of tools).",
    )
    name: str = Field(
        default="answer", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="What providers are told the schema is called."
    )
    reasks: int = Field(
        default=1,
        ge=0,
        le=3,
        description="How often a tier is asked once more with what was wrong, for the whole request; then the next "
        "tier is asked, and at the end the caller gets a 422 that names the path.",
    )
    repair: bool = Field(
        default=True,
        description="Mend what is almost JSON (a code fence, a comma too many) without changing what it says; named "
        "in the header `x-thriftgate-output`, in the trace and in the ledger.",
    )

    @field_validator("json_schema")
    @classmethod
    def _can_be_checked(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            compiled = compile_schema(schema)
            if isinstance(compiled, Refusal):
                raise ValueError(compiled.words)
        return schema
