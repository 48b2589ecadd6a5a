"""Whether traces can go where the configuration sends them, and go there once.

Failure behaviour: nothing here raises.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from thriftgate.config.checks.routes import RouteFinding
from thriftgate.config.problems import SECTION, KeyPath, Problem
from thriftgate.config.sections.root import ThriftgateConfig
from thriftgate.wire.shapes import mapping

KEYS = ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")
HOSTS = ("LANGFUSE_HOST", "LANGFUSE_BASE_URL", "LANGFUSE_BROWSER_URL")
_LANGFUSE: KeyPath = (*SECTION, "tracing", "langfuse")
_SECOND_EXPORTERS = frozenset({"langfuse", "langfuse_otel"})


def is_traced(config: ThriftgateConfig, environ: Mapping[str, str]) -> bool:
    """Whether traces are to go to Langfuse."""
    enabled = config.tracing.langfuse.enabled
    return all(environ.get(name) for name in KEYS) if enabled is None else enabled


def check_tracing(
    config: ThriftgateConfig, values: Mapping[str, Any], environ: Mapping[str, str]
) -> Iterator[RouteFinding]:
    """Langfuse's keys and host are complete, and LiteLLM does not send traces of its own beside ours."""
    missing = [name for name in KEYS if not environ.get(name)]
    if config.tracing.langfuse.enabled:
        for name in missing:
            words = f"no trace can be sent, because {name} is not set"
            yield RouteFinding(Problem((*_LANGFUSE, "enabled"), words))
    elif config.tracing.langfuse.enabled is None and len(missing) == 1:
        set_one = next(name for name in KEYS if name not in missing)
        words = f"tracing is off, because {set_one} is set and {missing[0]} is not"
        yield RouteFinding(Problem(_LANGFUSE, words), is_warning=True)
    if not is_traced(config, environ):
        return
    for name in HOSTS:
        if (host := environ.get(name)) and not _is_address(host):
            yield RouteFinding(Problem(_LANGFUSE, f"{name} must look like https://langfuse.example.com"))
    yield from _check_once(values)


def _check_once(values: Mapping[str, Any]) -> Iterator[RouteFinding]:
    settings = mapping(values.get("litellm_settings"))
    for key in ("callbacks", "success_callback", "failure_callback"):
        named: object = settings.get(key)
        # Text stands for one name in `callbacks` only; elsewhere LiteLLM reads letters.
        alone = [named] if key == "callbacks" else []
        listed = cast("list[object]", named) if isinstance(named, list) else alone
        for one in listed:
            if isinstance(one, str) and one in _SECOND_EXPORTERS:
                words = f"'{one}' sends a second trace of each request beside thriftgate's own: take it out"
                yield RouteFinding(Problem(("litellm_settings", key), words), is_warning=True)


def _is_address(host: str) -> bool:
    try:
        parts = urlsplit(host)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
