"""What an operator looks for among requests: one by its id, or those of a kind and of somebody.

Failure behaviour: pure; what is not offered is as if it had not been asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal["escalated", "failed", "hits", "dear"]
KINDS: Mapping[Kind, str] = {
    "escalated": "escalated",
    "failed": "failed or broken off",
    "hits": "from the cache",
    "dear": "the dearest",
}
"""What can be asked for, and how it is called; `dear` are the dearest first, all others the latest."""
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which requests. Empty fields ask for nothing."""

    kind: Kind | None = None
    route: str = ""
    who: str = ""
    """A team, a user or a key, by id or by name."""
    request_id: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is looked for."""
        return self == Search()

    @property
    def whose(self) -> "Search":
        """Of which route and of whom, whatever else is looked for: what figures can be narrowed to."""
        return Search(route=self.route, who=self.who)

    @property
    def fields(self) -> dict[str, str]:
        """Route and who as the fields of a query string, those that are given."""
        return {name: value for name, value in (("route", self.route), ("who", self.who)) if value}

    @property
    def words(self) -> str:
        """What is looked for, as the end of a sentence."""
        parts = [KINDS[self.kind]] if self.kind is not None else []
        parts += [f"of the route {self.route}"] if self.route else []
        parts += [f"of {self.who}"] if self.who else []
        return ", ".join(parts)


EVERYTHING = Search()


def search_of(fields: Mapping[str, str]) -> Search:
    """The search of a query string."""
    kind = fields.get("show", "")
    given = {name: fields.get(name, "").strip()[:_LONGEST] for name in ("route", "who", "request")}
    return Search(
        kind=cast("Kind", kind) if kind in KINDS else None,
        route=given["route"],
        who=given["who"],
        request_id=given["request"],
    )
