"""Says what is wrong with a chat request before LiteLLM trips over it.

LiteLLM answers a malformed conversation with the traceback of whatever it hit first. Only the shape is looked at,
and only where every provider agrees on it; what a model supports is for the model to say.

Failure behaviour: raises InvalidRequestError (HTTP 400), which names the parameter and never quotes what was said.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from thriftgate.errors import InvalidRequestError

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_MAX_CHOICES = 128


def check_chat(body: Mapping[str, Any]) -> None:
    """Raises InvalidRequestError naming the parameter; its message never quotes a value."""
    messages: object = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidRequestError("'messages' must be a list with at least one message", param="messages")
    for index, message in enumerate(cast("list[object]", messages)):
        _check_message(message, f"messages[{index}]")
    _check_count(body.get("n"))
    tools: object = body.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise InvalidRequestError("'tools' must be a list", param="tools")


def check_prompt(body: Mapping[str, Any]) -> None:
    """What a client says of the route's prompt, on every endpoint. Raises InvalidRequestError."""
    variables: object = body.get("prompt_variables")
    if variables is not None and not isinstance(variables, Mapping):
        raise InvalidRequestError("'prompt_variables' must be an object", param="prompt_variables")
    if not isinstance(body.get("prompt_id"), str | None):
        raise InvalidRequestError("'prompt_id' must be a text", param="prompt_id")


def _check_message(message: object, path: str) -> None:
    if not isinstance(message, Mapping):
        raise InvalidRequestError(f"'{path}' must be an object with 'role' and 'content'", param=path)
    fields = cast("Mapping[str, object]", message)
    if fields.get("role") not in _ROLES:
        known = ", ".join(sorted(_ROLES))
        raise InvalidRequestError(f"'{path}.role' must be one of {known}", param=f"{path}.role")
    content = fields.get("content")
    if content is None:
        if fields["role"] in ("assistant", "function"):
            return
        raise InvalidRequestError(f"'{path}.content' is missing", param=f"{path}.content")
    if isinstance(content, str):
        return
    parts = cast("Sequence[object]", content) if isinstance(content, list) else None
    if parts is None or not all(isinstance(part, Mapping) and "type" in part for part in parts):
        raise InvalidRequestError(
            f"'{path}.content' must be a text or a list of parts, each with a 'type'", param=f"{path}.content"
        )


def _check_count(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_CHOICES:
        raise InvalidRequestError(f"'n' must be a whole number from 1 to {_MAX_CHOICES}", param="n")
