"""What is wrong with a value, in words that quote neither the value nor a name that the schema does not have."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Names and indices from the whole value to a part of it."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Violation:
    """The first place where a value is not what its schema asks for."""

    path: Path
    keyword: str
    """The keyword of the schema that objects: `type`, `required`, `enum` …"""
    expected: str
    """What was to be there, in words."""

    def words(self, known: Collection[str] | None = None) -> str:
        """One sentence: the path and what was expected there.

        `known` are the names the schema has; another name in the path, which the model made up, becomes `*`.
        """
        return f"{path_in_words(self.path, known)} {self.expected}"


def path_in_words(path: Sequence[str | int], known: Collection[str] | None = None) -> str:
    """A path as one writes it: `order.items[2].price`; `the answer` for the whole."""
    words = ""
    for step in path:
        if isinstance(step, int):
            words += f"[{step}]"
        elif (known is not None and step not in known) or len(step) > _LONGEST_NAME:
            words += ".*" if words else "*"
        elif _PLAIN.fullmatch(step):
            words += f".{step}" if words else step
        else:
            words += f'["{step}"]'
    return f"`{words}`" if words else "the answer"
