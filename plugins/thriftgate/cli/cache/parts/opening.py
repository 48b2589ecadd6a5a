"""What the commands of `thriftgate cache` have in common: their options, and the cache that the configuration names.

Failure behaviour: a wrong configuration or route raises ConfigurationError or click.UsageError, a store that is away
StoreUnavailableError; all end with a sentence.
"""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from thriftgate.config import ThriftgateConfig, load_section

if TYPE_CHECKING:
    from thriftgate.ports import AnswerCache, LoadedEmbedder
    from thriftgate.services.cache.deciding import Decider
    from thriftgate.services.cache.inspection import CacheInspector
    from thriftgate.types import Caller

MASTER_KEY, MASTER_USER = "litellm_proxy_master_key", "default_user_id"
"""What LiteLLM calls the master key and its user, in place of a hash and an id."""

Command = TypeVar("Command", bound=Callable[..., Any])


def config_option(command: Command) -> Command:
    """`--config FILE`."""
    return click.option(
        "--config", "config_file", type=click.Path(path_type=Path), default="litellm_config.yaml", show_default=True,
        help="LiteLLM's file.",
    )(command)  # fmt: skip


def tenant_options(command: Command) -> Command:
    """`--team`, `--key-hash` and `--user`: whose answers these are."""
    options = (
        click.option("--team", help="The tenant's team_id, as the proxy knows it."),
        click.option(
            "--key-hash",
            help="The hash of the tenant's virtual key, where it has no team.  [without any: the master key's tenant]",
        ),
        click.option("--user", help="The user, where the route's `tenant` is `user`."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def caller_named(team: str | None, key_hash: str | None, user: str | None) -> "Caller":
    """Who would ask: whoever has the master key, where nobody is named."""
    from thriftgate.types import Caller

    if not (team or key_hash or user):
        return Caller(key_hash=MASTER_KEY, user_id=MASTER_USER)
    return Caller(team_id=team, key_hash=key_hash, user_id=user)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open cache with what belongs to it."""

    section: ThriftgateConfig
    base_dir: Path
    cache: "AnswerCache"
    embedder: "LoadedEmbedder"

    def route(self, name: str | None) -> str:
        """The route with a cache that is meant, the only one where none is named. Raises click.UsageError."""
        from thriftgate.forms import did_you_mean

        cached = [route for route, config in self.section.routes.items() if config.cache is not None]
        listed = ", ".join(cached) or "none"
        if name is None and len(cached) != 1:
            raise click.UsageError(f"say which route with a cache by --route; there are: {listed}")
        if name is not None and name not in cached:
            raise click.UsageError(f"no route '{name}' has a cache{did_you_mean(name, cached)}; there are: {listed}")
        return name or cached[0]

    async def inspector(self, named: str | None) -> "tuple[CacheInspector, Decider]":
        """The operator's side of a route's cache, and who decides for it, who has learnt all that is stored."""
        from thriftgate.services.cache.deciding import decider_of
        from thriftgate.services.cache.inspection import CacheInspector
        from thriftgate.services.request.prompts import PromptService
        from thriftgate.stores.files.clock import SystemClock
        from thriftgate.stores.files.prompt_sources import open_prompts

        name = self.route(named)
        config = self.section.routes[name]
        assert config.cache is not None, "checked by route()"
        clock = SystemClock()
        apply = None
        if config.prompt is not None:
            prompts = open_prompts(self.section, self.base_dir, os.environ, clock)
            apply = partial(PromptService(prompts.source, clock).apply, route_prompt=config.prompt)
        decider = decider_of(name, config.cache, self.base_dir, self.cache, embedder=self.section.embedder.model)
        await decider.catch_up()
        inspector = CacheInspector(
            name,
            config,
            cache=self.cache,
            embedder=self.embedder,
            decider=decider,
            clock=clock,
            prompt=apply,
            base_dir=self.base_dir,
        )
        return inspector, decider


@asynccontextmanager
async def opened(config_file: Path) -> AsyncGenerator[Opened]:
    """The cache that the file names."""
    from thriftgate.proxy.compose.stores import open_cache
    from thriftgate.stores.embedders import embedder_of

    section = load_section(config_file, os.environ)
    base_dir = Path.cwd() / config_file.parent
    embedder = embedder_of(section.embedder, base_dir / section.data_dir, remembers=False)
    async with open_cache(section, base_dir, embedder) as cache:
        yield Opened(section, base_dir, cache, embedder)
