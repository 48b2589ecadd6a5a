"""LiteLLM's log of a request to a route, which costs nothing itself."""

import asyncio
import warnings
from datetime import datetime
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from litellm.litellm_core_utils.litellm_logging import Logging

    from thriftgate.proxy.edge import EdgeRequest
    from thriftgate.proxy.interception import _Log  # pyright: ignore[reportPrivateUsage]

from thriftgate.types import Usage

pytestmark = [pytest.mark.xdist_group("litellm"), pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("route", ["support", "gpt-4o"])
async def test_nobody_looks_for_why_a_request_to_a_route_costs_nothing(
    route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sought: list[str] = []
    theirs = Logging._record_zero_cost_diagnostic  # pyright: ignore[reportPrivateUsage]

    def seeking(self: Logging, *args: Any, **more: Any) -> None:
        sought.append(self.model)
        theirs(self, *args, **more)

    monkeypatch.setattr(Logging, "_record_zero_cost_diagnostic", seeking)
    now = datetime.now()  # noqa: DTZ005  LiteLLM's own times are naive
    log = Logging(
        model=route, messages=[], stream=False, call_type="acompletion", start_time=now, litellm_call_id="1",
        function_id="1",
    )  # fmt: skip
    tasks: set[asyncio.Task[None]] = set()
    edge = EdgeRequest(request_id="1", route=route, model=route, body={"model": route}, headers={})

    _Log({"litellm_logging_obj": log, "metadata": {}}, edge, tasks).ended(Usage(100, 50), text="hello")
    await asyncio.gather(*tasks)

    payload: Any = log.model_call_details["standard_logging_object"]
    assert (payload["response_cost"], payload["zero_cost_diagnostic"], sought) == (0.0, None, [])
