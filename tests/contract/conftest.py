"""What LiteLLM keeps for the whole process is as it was after each test."""

from collections.abc import Iterator

import litellm
import pytest

_LISTS = (
    "callbacks", "input_callback", "success_callback", "failure_callback", "_async_success_callback",
    "_async_failure_callback",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _callbacks_as_before() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Each router leaves some behind, and from a hundred on LiteLLM takes no more, not even those that count money."""
    before = {name: list(getattr(litellm, name)) for name in _LISTS}
    yield
    for name, kept in before.items():
        getattr(litellm, name)[:] = kept
