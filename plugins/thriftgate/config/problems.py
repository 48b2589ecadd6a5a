"""What is wrong with a configuration, said the way one tells a colleague.

Failure behaviour: nothing here fails.
"""

from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from thriftgate.forms import UNKNOWN_KEY, misfit_in_words, mistakes_of, model_of

KeyPath = tuple[str | int, ...]
SECTION: KeyPath = ("callback_settings", "thriftgate")
"""Where thriftgate's own section stands in LiteLLM's file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake, and the key it is about."""

    path: KeyPath
    message: str
    place: tuple[str, int] | None = None
    """File and line, where the problem knows better than the key's own place."""
    slip: KeyPath | None = None
    """The key that was probably meant to be the one that is missing; it is said where this one stands."""


def spell(path: KeyPath) -> str:
    """`("routes", "support", "tiers", 0)` as `routes.support.tiers[0]`."""
    words = ""
    for key in path:
        words += f"[{key}]" if isinstance(key, int) else f".{key}"
    return words.lstrip(".")


def problems_of(error: ValidationError, model: type[BaseModel], *, prefix: KeyPath = SECTION) -> list[Problem]:
    """Every mistake pydantic found, in plain words, under the key paths of the file."""
    return [
        Problem(
            (*prefix, *detail["loc"]), _former(detail) or _elsewhere(detail, model) or misfit_in_words(detail, model)
        )
        for detail in mistakes_of(error)
    ]


_FORMER: dict[KeyPath, str] = {
    ("guards", "injection", "embed"): "a model of attacks took its place: take it out, or say `model: none` to go by "
    "words alone",
}


def _former(detail: ErrorDetails) -> str | None:
    """What became of a key that there was once."""
    return _FORMER.get(detail["loc"][-3:]) if detail["type"] == "extra_forbidden" else None


def _elsewhere(detail: ErrorDetails, model: type[BaseModel]) -> str | None:
    """Where a section belongs that stands in a route, and tells routes apart under its own `models`."""
    loc = detail["loc"]
    if detail["type"] != "extra_forbidden" or len(loc) != 3 or loc[0] != "routes":
        return None
    known = model.model_fields.get(str(loc[2]))
    section = model_of(known.annotation) if known is not None else None
    if section is None or "models" not in section.model_fields:
        return None
    return f"{UNKNOWN_KEY} of a route: what differs for it stands under '{loc[2]}.models.{loc[1]}'"
