"""What LiteLLM fetches for a provider that takes no addresses, and what it makes of an address where nothing is."""

from typing import Any

import httpx
import pytest
from litellm.exceptions import ImageFetchError
from litellm.litellm_core_utils.prompt_templates import factory

from thriftgate.proxy.tiers.attachments import blame_attachments


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("no such host"), TimeoutError(), ValueError("no image"),
        httpx.HTTPStatusError("401", request=httpx.Request("GET", "http://x"), response=httpx.Response(401)),
    ],
    ids=["no host", "time", "no image", "401"],
)  # fmt: skip
async def test_what_cannot_be_fetched_for_bedrock_is_a_fault_of_the_request(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails_soon(*_: Any, **__: Any) -> Any:
        raise failure

    def fails(*_: Any, **__: Any) -> Any:
        raise failure

    monkeypatch.setattr(factory, "async_safe_get", fails_soon)
    monkeypatch.setattr(factory, "safe_get", fails)
    blame_attachments()
    blame_attachments()
    processor = factory.BedrockImageProcessor
    with pytest.raises(ImageFetchError, match="could not be fetched") as told:
        await processor.process_image_async("https://images.invalid/secret.png", None)
    assert "secret" not in str(told.value)
    with pytest.raises(ImageFetchError):
        processor.process_image_sync("https://images.invalid/secret.png")
