"""Worlds with limits, closed at the end of a test."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.limits_world import Make, World, made


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    worlds: list[World] = []

    def make_one(*rules: dict[str, Any], **config: Any) -> World:
        worlds.append(made(*rules, **config))
        return worlds[-1]

    yield make_one
    for world in worlds:
        await world.admission.aclose()
