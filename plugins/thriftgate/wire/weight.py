"""How long a parsed body takes to look through; apart from `bounds`, whose numpy the command line does without.

Failure behaviour: pure and total.
"""

from collections.abc import Collection, Mapping
from typing import cast

_HEAVY_VALUES = 500
_HEAVY_CHARACTERS = 100_000


def is_heavy(value: object) -> bool:
    """Whether looking through a parsed body takes longer than an event loop should wait: half a millisecond or so.

    Stops counting as soon as it is: a heavy body costs no more here than one that just is none.
    """
    values, characters, waiting = 0, 0, [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            characters += len(here)
            continue
        inside = _inside(here)
        values += len(inside)
        if values > _HEAVY_VALUES or characters > _HEAVY_CHARACTERS:
            return True
        waiting.extend(inside)
    return characters > _HEAVY_CHARACTERS


def _inside(value: object) -> Collection[object]:
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).values()
    return cast("Collection[object]", value) if isinstance(value, list | tuple) else ()
