"""What is looked for, and what figures can be narrowed to."""

import pytest

from thriftgate.stats.search import Search


@pytest.mark.parametrize("fields", [{"route": "support"}, {"who": "ada"}, {"request_id": "r1"}])
def test_a_search_for_something_is_not_empty(fields: dict[str, str]) -> None:
    assert Search().is_empty
    assert not Search(**fields).is_empty  # pyright: ignore[reportArgumentType]


def test_figures_are_narrowed_to_a_route_and_to_somebody_and_to_nothing_else() -> None:
    assert Search(route="support", who="ada", request_id="r1").whose == Search(route="support", who="ada")
