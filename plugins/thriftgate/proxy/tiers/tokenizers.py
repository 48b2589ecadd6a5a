"""Tokens are counted with what is here: LiteLLM would fetch tokenizers and images from the network to count.

It fetches a Llama's or a Cohere model's tokenizer where such a model's provider counts nothing, and an image that its
message calls detailed at whatever address a client wrote; on the event loop, so that everybody waits, and for minutes
where nobody answers. An image that it could not fetch it then took for broken, and the request with it.

Failure behaviour: nothing is raised; such a model's tokens are counted as OpenAI's and such an image as LiteLLM's usual
one, which an estimate may be.
"""

from functools import wraps
from typing import Any, cast

from litellm import utils
from litellm.constants import DEFAULT_IMAGE_TOKEN_COUNT
from litellm.litellm_core_utils import token_counter

_HERE = "anthropic"
"""The kind of tokenizer that LiteLLM's package has in it."""


def fetch_none() -> None:
    """From now on; again changes nothing. A tokenizer that an operator configures for a model is still fetched."""
    theirs = cast("Any", utils)._return_huggingface_tokenizer
    if hasattr(theirs, "_fetches_none"):
        return

    @wraps(theirs)
    def found(model: str) -> Any:
        return theirs(model) if cast("Any", utils).huggingface_tokenizer_kind(model) == _HERE else None

    measured = cast("Any", token_counter).calculate_img_tokens

    @wraps(measured)
    def counted(data: object, mode: str = "auto", *args: Any, **options: Any) -> int:
        # Any other mode is the same number for every image. Of these only one that is sent along has a size.
        if mode == "high" and not (isinstance(data, str) and data[:5].lower() == "data:"):
            return DEFAULT_IMAGE_TOKEN_COUNT
        try:
            return measured(data, mode, *args, **options)
        except Exception:
            return DEFAULT_IMAGE_TOKEN_COUNT

    setattr(found, "_fetches_none", True)  # noqa: B010  functions have no such field
    setattr(utils, "_return_huggingface_tokenizer", found)  # noqa: B010
    setattr(token_counter, "calculate_img_tokens", counted)  # noqa: B010
