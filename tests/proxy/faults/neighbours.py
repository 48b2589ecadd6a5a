"""What the tests of neighbours share: who answers, and conversations with parts."""

from typing import Any

import pytest
from tests.proxy.conftest import GatewayProcess
from tests.proxy.faults.conftest import GPT, HAIKU, MINI, OPUS, PATHS
from tests.proxy.upstream import says

DIALECTS = tuple(PATHS)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def everybody_says(gateway: GatewayProcess, text: str = "Fine.", **more: Any) -> None:
    for model in (HAIKU, OPUS, MINI, GPT, "o-small", "o-large", "other-large", "my-llama", "broken-backup", "c-vllm"):
        gateway.upstream.on(model, says(text, **more))


def result(content: list[Any]) -> list[Any]:
    use: dict[str, Any] = {"type": "tool_use", "id": "t1", "name": "w", "input": {}}
    return [
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": content}]},
    ]


def said(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]
