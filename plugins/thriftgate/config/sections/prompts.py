"""The section `prompts`, and the section `prompt` of a route."""

from typing import Literal

from pydantic import Field

from thriftgate.config.sections.base import Duration, Section


class RoutePromptConfig(Section):
    """Which prompt a route is answered with."""

    name: str = Field(min_length=1, description="A folder under `prompts/`.")
    label: str = Field(
        default="production",
        min_length=1,
        description="What is served while no experiment runs: a label, a variant, or a version (`control@2`).",
    )
    experiments: bool = Field(
        default=True, description="Take part in the prompt's experiments; off: everybody gets `label`."
    )
    client_system: Literal["keep", "reject", "replace"] = Field(
        default="keep",
        description="System messages that clients send: kept after the prompt's own, refused with 400, or "
        "replaced by the prompt's own.",
    )


class PromptsConfig(Section):
    """Where prompts come from, and how quickly an edit is noticed."""

    source: Literal["files", "langfuse"] = Field(
        default="files",
        description="`files`: the folders under `prompts_dir`; `langfuse`: its prompt management, kept on disk for "
        "when it is away.",
    )
    refresh_interval: Duration = Field(
        default=2.0, gt=0, description="How often files are looked at; for Langfuse at least 30s are kept between asks."
    )
    guard_interval: Duration = Field(
        default=300.0, gt=0, description="How often the guards of running experiments look at the ledger."
    )
