"""An attachment that a client only names by its address, and that cannot be had, is the client's fault.

Some providers take no addresses, so that LiteLLM fetches what is there. For most it says itself that it could not; for
Bedrock it lets through whatever went wrong, as if the call to the model had failed: a host that does not exist was a
500 of the provider's that closed its deployment, and the host's own 404 or 401 one as well.

Failure behaviour: what cannot be had is LiteLLM's ImageFetchError, a 400; it never quotes an address.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, cast

from litellm.exceptions import ImageFetchError
from litellm.litellm_core_utils.prompt_templates import factory

_FAULT = "an attachment could not be fetched from its address; send its bytes"


def blame_attachments() -> None:
    """From now on; again changes nothing."""
    theirs = cast("Any", factory).BedrockImageProcessor
    if hasattr(theirs.get_image_details, "_is_blamed"):
        return
    fetch: Callable[[str], tuple[str, str]] = theirs.get_image_details
    fetch_soon: Callable[[str], Awaitable[tuple[str, str]]] = theirs.get_image_details_async

    @wraps(fetch)
    def fetched(image_url: str) -> tuple[str, str]:
        try:
            return fetch(image_url)
        except Exception:
            raise _not_fetched() from None

    @wraps(fetch_soon)
    async def fetched_soon(image_url: str) -> tuple[str, str]:
        try:
            return await fetch_soon(image_url)
        except Exception:
            raise _not_fetched() from None

    setattr(fetched, "_is_blamed", True)  # noqa: B010  functions have no such field
    theirs.get_image_details = staticmethod(fetched)
    theirs.get_image_details_async = staticmethod(fetched_soon)


def _not_fetched() -> ImageFetchError:
    return ImageFetchError(_FAULT, model="", llm_provider="bedrock")
