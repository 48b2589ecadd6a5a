"""What limits need to know of a request, read off the body and the key that LiteLLM has read.

Failure behaviour: total. What a client sent malformed counts as absent: refusing it is for others.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, cast

from litellm.proxy._types import UserAPIKeyAuth

from thriftgate.services.limits.rules import Arrival, Limited

_CONTENT = ("messages", "input", "system", "instructions", "tools", "functions", "prompt")
_MOST_TOKENS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_ATTACHMENTS = frozenset(
    {"image_url", "url", "data", "file_data", "image", "audio", "file_id", "signature", "encrypted_content"}
)
"""Keys whose texts are no text: an image is not as many tokens as its base64 has letters."""
_ATTACHMENT_BYTES = 4000
"""About a thousand tokens."""
_LONGEST_NAME = 200


def arrival_of(
    data: Mapping[str, Any], auth: UserAPIKeyAuth, *, request_id: str, model: str, is_of_route: bool = False
) -> Arrival:
    """The request, as limits see it."""
    return Arrival(
        id=request_id,
        asker=asker_of(auth),
        model=model[:_LONGEST_NAME],
        prompt_bytes=sum(text_bytes(data.get(name)) for name in _CONTENT),
        max_completion=most_tokens(data),
        choices=_count(data.get("n")) or 1,
        is_prepared=is_of_route,
    )


def asker_of(auth: UserAPIKeyAuth) -> Limited:
    """Who asks. The key is hashed once more: what authentication put there might be the key itself."""
    key = auth.api_key or auth.token
    tier: object = cast("Mapping[str, Any]", auth.metadata or {}).get("tier")
    return Limited(
        key=hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32] if key else None,
        user=auth.user_id,
        team=auth.team_id,
        tier=tier if isinstance(tier, str) else None,
    )


def most_tokens(data: Mapping[str, Any]) -> int | None:
    """How many tokens an answer may have; None where the client does not say."""
    return min((most for name in _MOST_TOKENS if (most := _count(data.get(name)))), default=None)


def cap_tokens(data: dict[str, Any], most: int) -> None:
    """Let answers be no longer than this, in the parameter that the client uses."""
    used = [name for name in _MOST_TOKENS if _count(data.get(name))]
    if used:
        for name in used:
            data[name] = min(data[name], most)
    elif "input" in data and "messages" not in data:
        data["max_output_tokens"] = most
    else:
        data["max_tokens"] = most


def text_bytes(value: object) -> int:
    """Bytes of all text in a part of a request; an attachment counts like a page of text. Linear, however deep."""
    total, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            total += _ATTACHMENT_BYTES if one.startswith("data:") and len(one) > _ATTACHMENT_BYTES else _length(one)
        elif isinstance(one, Mapping):
            for name, part in cast("Mapping[object, object]", one).items():
                if name in _ATTACHMENTS and isinstance(part, str):
                    total += min(_ATTACHMENT_BYTES, len(part))
                else:
                    waiting.append(part)
        elif isinstance(one, list):
            waiting += cast("list[object]", one)
    return total


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _count(value: object) -> int | None:
    """A whole number above 0, else None."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < value < 2**31 else None
