"""What is looked for, and what figures can be narrowed to."""

import pytest

from thriftgate.stats.search import EVERYTHING, KINDS, Kind, Search, search_of


@pytest.mark.parametrize("fields", [{"route": "support"}, {"who": "ada"}, {"request_id": "r1"}])
def test_a_search_for_something_is_not_empty(fields: dict[str, str]) -> None:
    assert Search().is_empty
    assert not Search(**fields).is_empty  # pyright: ignore[reportArgumentType]


def test_figures_are_narrowed_to_a_route_and_to_somebody_and_to_nothing_else() -> None:
    assert Search(route="support", who="ada", request_id="r1").whose == Search(route="support", who="ada")


def test_a_search_is_read_from_a_query_string_and_what_is_not_offered_is_not_asked_for() -> None:
    fields = {"show": "failed", "route": " support ", "who": "x" * 201, "request": "r1"}
    assert search_of(fields) == Search(kind="failed", route="support", who="x" * 200, request_id="r1")
    assert search_of({"show": "everything"}) == search_of({}) == EVERYTHING == Search()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_looked_for_is_said_at_the_end_of_a_sentence(kind: Kind) -> None:
    search = Search(kind=kind, route="support", who="ada")
    assert search.words == f"{KINDS[kind]}, of the route support, of ada"
    assert search.fields == {"route": "support", "who": "ada"}
    assert (Search().words, Search().fields) == ("", {})
    assert Search(who="ada").words == "of ada"
