"""What every trace says, from the configuration: the same for traces sent at once and for those sent again later.

Failure behaviour: none; what the configuration does not say has a default.
"""

from collections.abc import Mapping
from importlib import metadata
from typing import Protocol

from thriftgate.config import ThriftgateConfig
from thriftgate.services.telemetry.traces import TraceSettings
from thriftgate.tracing.content import ContentRule, Mask, mask_obvious, unmasked
from thriftgate.tracing.spans import no_numbers


class PromptNumbers(Protocol):
    """Knows Langfuse's numbers of prompt versions."""

    def number(self, prompt: str, content_hash: str) -> int | None:
        """The number of a version; None when it is not known there."""
        ...


def settings_of(
    config: ThriftgateConfig, environ: Mapping[str, str], numbers: PromptNumbers | None, *, mask: Mask | None = None
) -> TraceSettings:
    """The settings of `config`; `mask` takes the place of the built-in one."""
    tracing = config.tracing
    chosen = mask or (mask_obvious if tracing.mask else unmasked)
    return TraceSettings(
        environment=tracing.environment,
        release=tracing.release or environ.get("LANGFUSE_RELEASE") or f"thriftgate {_version()}",
        content={
            name: ContentRule(share=route.trace_content_share, mask=chosen)
            for name, route in config.routes.items()
            if route.capture_content
        },
        public_key=environ.get("LANGFUSE_PUBLIC_KEY"),
        linked=frozenset(name for name, route in config.routes.items() if len(route.cascade.tiers) == 1),
        prompt_number=numbers.number if numbers is not None else no_numbers,
    )


def _version() -> str:
    try:
        return metadata.version("thriftgate")
    except metadata.PackageNotFoundError:
        return "unknown"
