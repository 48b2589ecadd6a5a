"""Messages of a prompt put around a client's conversation, the same way in every dialect."""

from collections.abc import Sequence
from typing import Any

from thriftgate.wire.shapes import Json, mapping, text

SYSTEM_ROLES = frozenset({"system", "developer"})


def leading_system(messages: Sequence[Json]) -> int:
    """How many messages at the beginning are system messages."""
    return next(
        (place for place, message in enumerate(messages) if mapping(message).get("role") not in SYSTEM_ROLES),
        len(messages),
    )


def system_text(messages: Sequence[Json]) -> str:
    """The texts of the leading system messages, with an empty line between them."""
    return "\n\n".join(text(message.get("content")) for message in messages[: leading_system(messages)])


def around(theirs: Sequence[Any], before: Sequence[Json], after: Sequence[Json]) -> list[Any]:
    """Our leading system messages, the client's, our other messages, the rest of the conversation, our last ones.

    The client's first system messages follow ours directly: some providers take them only at the beginning.
    """
    first, leading = leading_system([mapping(message) for message in theirs]), leading_system(before)
    return [*before[:leading], *theirs[:first], *before[leading:], *theirs[first:], *after]
