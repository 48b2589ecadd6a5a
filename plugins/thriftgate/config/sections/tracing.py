"""The section `tracing`."""

from pydantic import Field, field_validator

from thriftgate.config.sections.base import Duration, Section


class LangfuseTracingConfig(Section):
    """How traces go to Langfuse. Where it is and its keys are in LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY, ..._SECRET_KEY."""

    enabled: bool | None = Field(
        default=None, description="Send traces and scores to Langfuse; absent: when both of its keys are set."
    )
    flush_interval: Duration = Field(
        default=2.0, gt=0, description="How long a trace waits for others to go in the same batch."
    )
    timeout: Duration = Field(default=10.0, gt=0, description="How long Langfuse may take to accept a batch.")
    shutdown_timeout: Duration = Field(
        default=2.0, ge=0, description="How long the end of the gateway waits for traces that are not sent yet."
    )
    max_queue: int = Field(default=10_000, ge=1, description="Traces kept while Langfuse is away; the oldest go first.")
    max_queue_bytes: int = Field(
        default=64_000_000, ge=100_000, description="About how much memory they may take, in bytes."
    )


class TracingConfig(Section):
    """What is told about each request to an observability backend."""

    environment: str = Field(
        default="default",
        pattern=r"^[a-z0-9_-]{1,40}$",
        description="Keeps traces of several gateways apart: lower-case letters, digits, `-` and `_`.",
    )
    release: str | None = Field(default=None, max_length=200, description="Your release; absent: thriftgate's version.")
    mask: bool = Field(
        default=True, description="Take e-mail addresses, credentials and long numbers out of content that is shown."
    )
    forward_traceparent: bool = Field(
        default=False, description="Send the W3C header `traceparent` to the models' providers too."
    )
    langfuse: LangfuseTracingConfig = Field(default=LangfuseTracingConfig(), description="How traces go to Langfuse.")

    @field_validator("environment")
    @classmethod
    def _is_not_langfuses_own(cls, value: str) -> str:
        if value.startswith("langfuse"):
            raise ValueError("must not begin with 'langfuse', which Langfuse keeps for itself")
        return value
