"""No tokenizer is fetched to count tokens, whatever a model is called."""

import base64
from typing import Any, cast

import litellm
import pytest
from litellm import utils
from litellm.litellm_core_utils import token_counter

from thriftgate.proxy.tiers.tokenizers import fetch_none


@pytest.mark.parametrize(
    "model", ["together_ai/llama-3", "groq/llama-2-70b", "command-r-plus", "meta-llama/llama-3-8b"]
)
def test_counting_the_tokens_of_any_model_fetches_nothing(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[object] = []

    def fetch(kind: object, _: object) -> None:
        fetched.append(kind)

    monkeypatch.setattr(utils, "_load_huggingface_tokenizer", fetch)
    fetch_none()
    fetch_none()
    assert litellm.token_counter(model=model, text="How long does a refund take?") > 3
    assert fetched == []


def test_the_tokenizer_that_litellm_brings_is_used() -> None:
    fetch_none()
    found = utils._return_huggingface_tokenizer("claude-2")  # pyright: ignore[reportPrivateUsage]
    assert (found is not None) is (utils.huggingface_tokenizer_kind("claude-2") == "anthropic")


@pytest.mark.parametrize(
    "url", ["http://images.invalid/a.png", "https://images.invalid/a.png", "data:image/png;base64,!", "data:", "x"]
)
def test_counting_the_tokens_of_an_image_fetches_nothing_and_trips_over_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[object] = []

    def get(_client: object, address: str) -> None:
        fetched.append(address)

    monkeypatch.setattr(token_counter, "safe_get", get)
    fetch_none()
    image = {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
    assert litellm.token_counter(model="gpt-4o", messages=[{"role": "user", "content": [image]}]) > 100
    assert fetched == []


PIXELS = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (1024).to_bytes(4, "big") * 2 + bytes(30)).decode()


@pytest.mark.parametrize(
    ("image", "tokens"),
    [
        ({"type": "image_url", "image_url": {"url": "https://images.invalid/a.png", "detail": "low"}}, 85),
        ({"type": "image_url", "image_url": {"url": "https://images.invalid/a.png"}}, 85),
        ({"type": "image_url", "image_url": "https://images.invalid/a.png"}, 85),
        ({"type": "image", "source": {"type": "url", "url": "https://images.invalid/a.png"}}, 85),
        ({"type": "image_url", "image_url": {"url": "https://images.invalid/a.png", "detail": "high"}}, 250),
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXELS}", "detail": "high"}}, 765),
        ({"type": "image_url", "image_url": {"url": f"DATA:image/png;base64,{PIXELS}", "detail": "high"}}, 765),
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXELS}", "detail": "low"}}, 85),
    ],
)
def test_an_image_counts_as_litellm_counts_it_but_a_detailed_one_at_an_address(image: Any, tokens: int) -> None:
    fetch_none()
    counts = [
        litellm.token_counter(model="gpt-4o", messages=cast("Any", [{"role": "user", "content": content}]))
        for content in ([image], [])
    ]
    assert counts[0] - counts[1] == tokens
