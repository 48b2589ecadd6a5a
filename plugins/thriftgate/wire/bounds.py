"""How deep and how large a client's body may be, looked at without recursion.

Failure behaviour: pure; raises InvalidRequestError (400) for a body beyond a bound.
"""

from collections.abc import Mapping
from typing import Any, cast

from thriftgate.errors import InvalidRequestError

MAX_DEPTH = 64
"""Nested objects and lists; a schema of a tool rarely has twenty."""
MAX_NODES = 500_000
"""Values of all kinds; a conversation of a million tokens in ordinary messages has some thousands."""


def bounded(body: object, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> None:
    """Refuse a body that is nested too deeply or has too many values; everything behind this may recurse.

    Raises InvalidRequestError, with the path of what is too deep as far as that is short.
    """
    level: list[object] = [body]
    nodes = 1
    for _ in range(max_depth + 1):
        deeper: list[object] = []
        for value in level:
            if isinstance(value, Mapping):
                deeper.extend(cast("Mapping[str, Any]", value).values())
            elif isinstance(value, list | tuple):
                deeper.extend(cast("list[Any]", value))
        nodes += len(deeper)
        if nodes > max_nodes:
            raise InvalidRequestError(
                f"the request has more than {max_nodes} values; send a smaller one", code="request_too_large"
            )
        level = deeper
        if not level:
            return
    raise InvalidRequestError(
        f"the request is nested deeper than {max_depth} levels; send a flatter one", code="request_too_deep"
    )
