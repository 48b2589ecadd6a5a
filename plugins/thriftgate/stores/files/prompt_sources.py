"""Opens the prompts that a configuration asks for: files, or Langfuse with files behind it.

Failure behaviour: raises ConfigurationError when a route's prompt or label is not there or has mistakes, naming each
with file and line, and when Langfuse's keys are not set. With `source: langfuse` a prompt that neither the files nor
the kept copy has is only known after the first `refresh`; so `check_prompted_routes` is to be called after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from thriftgate.config.sections.root import ThriftgateConfig
from thriftgate.errors import ConfigurationError
from thriftgate.ports import Clock, PromptSource
from thriftgate.stores.files.prompts import PromptFiles
from thriftgate.stores.langfuse.client import LangfuseClient, keys_from
from thriftgate.stores.langfuse.prompts import LangfuseNumbers, LangfusePrompts

NUMBERS = "langfuse_prompts.json"
"""Under `data_dir`: Langfuse's version numbers, which `thriftgate prompts push` writes and traces read."""
STOPS = "experiments.json"
"""Under `data_dir`: variants that guards have stopped."""
_CACHE = "langfuse_prompts_cache.json"


@dataclass(frozen=True, slots=True)
class OpenPrompts:
    """A source of prompts, and what has to be closed with it."""

    source: PromptSource
    numbers: LangfuseNumbers | None = None
    """Version numbers in Langfuse, for the links of traces; None without Langfuse's keys."""
    client: LangfuseClient | None = None


def open_prompts(config: ThriftgateConfig, base_dir: Path, environ: Mapping[str, str], clock: Clock) -> OpenPrompts:
    """The prompts of `config`, read once. Raises ConfigurationError."""
    files = PromptFiles(base_dir / config.prompts_dir)
    files.reload()
    data_dir = base_dir / config.data_dir
    if config.prompts.source == "files":
        check_prompted_routes(config, files)
        has_keys = bool(environ.get("LANGFUSE_PUBLIC_KEY") and environ.get("LANGFUSE_SECRET_KEY"))
        numbers = LangfuseNumbers(data_dir / NUMBERS, keys_from(environ).project) if has_keys else None
        return OpenPrompts(files, numbers)
    keys = keys_from(environ)
    client, numbers = LangfuseClient(keys), LangfuseNumbers(data_dir / NUMBERS, keys.project)
    names = [route.prompt.name for route in config.routes.values() if route.prompt is not None]
    source = LangfusePrompts(
        client, files, names=names, cache=data_dir / _CACHE, numbers=numbers, clock=clock,
        interval=config.prompts.refresh_interval,
    )  # fmt: skip
    return OpenPrompts(source, numbers, client)


def check_prompted_routes(config: ThriftgateConfig, source: PromptSource) -> None:
    """Every route's prompt and label are there. Raises ConfigurationError with every mistake."""
    registry = source.snapshot()
    problems: list[str] = []
    for name, route in config.routes.items():
        if route.prompt is None:
            continue
        prompt = registry.prompts.get(route.prompt.name)
        if prompt is None:
            problems.append(f"routes.{name}.prompt: there is no usable prompt '{route.prompt.name}'")
        elif prompt.resolve(route.prompt.label) is None:
            problems.append(f"routes.{name}.prompt: '{prompt.name}' has nothing labelled '{route.prompt.label}'")
    if problems:
        raise ConfigurationError([*(str(problem) for problem in registry.errors), *problems])
