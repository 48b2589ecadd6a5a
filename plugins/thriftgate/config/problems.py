"""What is wrong with a configuration, said the way one tells a colleague.

Failure behaviour: nothing here fails.
"""

from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from thriftgate.forms import misfit_in_words, mistakes_of

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
    return [Problem((*prefix, *detail["loc"]), misfit_in_words(detail, model)) for detail in mistakes_of(error)]
