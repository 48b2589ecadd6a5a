"""The sections `metrics` and `logs`."""

from typing import Literal

from pydantic import Field

from thriftgate.config.sections.base import Section


class MetricsConfig(Section):
    """Who may read the metrics; proxy admins always may."""

    token: str | None = Field(
        default=None, min_length=16, description="A bearer token that may read the metrics and nothing else."
    )
    public: bool = Field(default=False, description="Let everybody who reaches the proxy read the metrics.")


class LogsConfig(Section):
    """One line on standard output for each request to a route: who was asked and what it cost, never what was said."""

    format: Literal["json", "text"] = Field(
        default="json", description="`json`: an object on each line, with LiteLLM's own field names; `text`: for eyes."
    )
