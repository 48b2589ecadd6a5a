"""The LiteLLM provider `thriftgate`, by which a configuration names its routes: `model: thriftgate/<route>`.

Routes are answered where LiteLLM asks its router (`interception.py`); whoever comes here asks a route for something
that it does not serve, such as embeddings, or asks it past the proxy, as LiteLLM's health checks do: a route is as
healthy as its tiers, and each of those is a model with a check of its own.

Failure behaviour: every call but a health check ends in a 400 with one sentence.
"""

from typing import Any, NoReturn

from litellm.constants import LITTELM_INTERNAL_HEALTH_SERVICE_ACCOUNT_NAME
from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import ModelResponse

from thriftgate.errors import InvalidRequestError
from thriftgate.proxy.errors import ClientHTTPException
from thriftgate.wire.shapes import mapping


class ThriftgateProvider(CustomLLM):
    """Refuses, with words."""

    # LiteLLM passes everything by keyword, and more with each release: only what we use is named.
    async def acompletion(self, **kwargs: Any) -> ModelResponse:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Not through here, but for LiteLLM's health checks."""
        noted = mapping(mapping(kwargs.get("litellm_params")).get("metadata"))
        if noted.get("user_api_key_team_id") == LITTELM_INTERNAL_HEALTH_SERVICE_ACCOUNT_NAME:
            return kwargs["model_response"]
        raise _not_by_its_name(kwargs)

    def astreaming(self, **kwargs: Any) -> NoReturn:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Not through here; LiteLLM does not await it."""
        raise _not_by_its_name(kwargs)

    async def aembedding(self, **kwargs: Any) -> NoReturn:  # pyright: ignore[reportIncompatibleMethodOverride]
        """No route embeds."""
        raise _refusal(kwargs)

    async def aimage_generation(self, **kwargs: Any) -> NoReturn:  # pyright: ignore[reportIncompatibleMethodOverride]
        """No route draws."""
        raise _refusal(kwargs)


def _refusal(kwargs: dict[str, Any]) -> ClientHTTPException:
    return ClientHTTPException(not_served(str(kwargs.get("model") or "")))


def _not_by_its_name(kwargs: dict[str, Any]) -> ClientHTTPException:
    """A conversation has come past the route: what a plain model's fallbacks name, for one."""
    route = str(kwargs.get("model") or "")
    told = f"route '{route}' answers only who asks for it by its name, and is no fallback of a model"
    return ClientHTTPException(InvalidRequestError(told, param="model"))


def not_served(route: str) -> InvalidRequestError:
    """Why a route does not do what it was asked for."""
    return InvalidRequestError(
        f"route '{route}' serves conversations: /v1/chat/completions, /v1/messages and /v1/responses", param="model"
    )
