"""The texts of a request, as guards are given them.

Failure behaviour: pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a request."""

    text: str
    place: str
    """user, tool, system or assistant."""
    message: tuple[object, ...] | None = None
    """Whose part it is; the parts of one message are looked at joined as well, None: it has no other parts."""
    written: str = ""
    """The text with the personal values that were taken out of it, for deny lists alone: a word that must not be said
    may be taken for a name. Empty: none were."""

    @property
    def listed(self) -> str:
        """What deny lists look at."""
        return self.written or self.text


def with_joined(texts: Sequence[Said]) -> Iterable[Said]:
    """The texts in their order, and behind a message's last part what its parts say together: a model reads that."""
    parts: dict[tuple[tuple[object, ...], str], list[Said]] = {}
    last: dict[tuple[tuple[object, ...], str], int] = {}
    for number, one in enumerate(texts):
        if one.message is not None and one.text.strip():
            parts.setdefault((one.message, one.place), []).append(one)
            last[one.message, one.place] = number
    for number, one in enumerate(texts):
        yield one
        if one.message is not None and last.get((one.message, one.place)) == number:
            said = [part.text for part in parts[one.message, one.place]]
            written = [part.listed for part in parts[one.message, one.place]]
            if len(said) > 1:
                yield Said("\n".join(said), one.place, written="\n".join(written) if written != said else "")
