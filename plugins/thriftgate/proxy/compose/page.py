"""Wires the live page to the gateway.

Failure behaviour: nothing is opened and nothing is read before somebody looks.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from fastapi import APIRouter

from thriftgate.proxy.compose.gateway import Gateway, SystemClock
from thriftgate.proxy.page.operators import Operators
from thriftgate.proxy.page.routes import PageResponder, live_page
from thriftgate.proxy.page.state import State
from thriftgate.proxy.page.worker import state_of
from thriftgate.services.books.key_use import KeyUses
from thriftgate.services.books.overview import OverviewService
from thriftgate.services.books.promises import promises_of
from thriftgate.stores.files.prompt_sources import STOPS
from thriftgate.stores.files.prompt_stops import PromptStops
from thriftgate.stores.postgres.ledger.overview import PostgresOverview


def open_overviews(gateway: Callable[[], Gateway], *, base_dir: Path) -> Callable[[], OverviewService]:
    """What the page and the status share; artefacts and stopped variants are looked for from the folder `base_dir`."""
    clock = SystemClock()

    @cache
    def overviews() -> OverviewService:
        one = gateway()
        return OverviewService(
            PostgresOverview(one.database),
            one.ledger,
            one.prompts.source,
            PromptStops(base_dir / one.config.data_dir / STOPS),
            promises_of(one.config, base_dir),
            clock,
        )

    return overviews


def open_page(gateway: Callable[[], Gateway], overviews: Callable[[], OverviewService]) -> APIRouter:
    """The page of this gateway."""
    clock = SystemClock()

    async def state() -> State:
        return await state_of(gateway(), now=clock.time())

    @cache
    def keys() -> KeyUses | None:
        one = gateway()
        return KeyUses(one.identity.administration, one.ledger, clock) if one.identity else None

    return live_page(PageResponder(Operators(), overviews, state, clock, keys))
