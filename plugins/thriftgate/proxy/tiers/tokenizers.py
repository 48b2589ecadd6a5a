"""Tokens are counted with what is here: LiteLLM would fetch a Llama's or a Cohere model's tokenizer from the network.

It does so where such a model's provider counts nothing, on the event loop: everybody waits for the download, and for
minutes where there is no network.

Failure behaviour: nothing is raised; such a model's tokens are counted as OpenAI's, which an estimate may be.
"""

from functools import wraps
from typing import Any, cast

from litellm import utils

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

    setattr(found, "_fetches_none", True)  # noqa: B010  functions have no such field
    setattr(utils, "_return_huggingface_tokenizer", found)  # noqa: B010
