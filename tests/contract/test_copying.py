"""LiteLLM's redaction on copies by structure: what loggers are told is the same, and the answer stays what it was."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litellm.constants import REDACTED_BY_LITELLM
from litellm.litellm_core_utils import redact_messages
from litellm.types.llms.openai import ResponsesAPIResponse
from litellm.types.utils import ModelResponse

from thriftgate.proxy.privacy.copying import copied, copy_by_structure

# Of LiteLLM's own types, when the first of them is made.
pytestmark = pytest.mark.filterwarnings("ignore:Item .* using the `ReadOnly` qualifier:UserWarning")

SAID = "the parcel is at the depot"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.datetimes(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner) | st.frozensets(st.integers())
    ),
    max_leaves=20,
)


@pytest.fixture
def by_structure() -> Iterator[None]:
    theirs: object = vars(redact_messages)["copy"]
    copy_by_structure()
    yield
    setattr(redact_messages, "copy", theirs)  # noqa: B010


def answer() -> ModelResponse:
    logprobs: dict[str, Any] = {
        "content": [{"token": word, "logprob": -0.1, "bytes": None, "top_logprobs": []} for word in "ab"]
    }
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": SAID}}
    message = {
        "role": "assistant",
        "content": SAID,
        "reasoning_content": SAID,
        "tool_calls": [call],
        "provider_specific_fields": {"reasoning_content": SAID, "citations": [SAID], "tier": "low"},
    }
    made = ModelResponse(
        id="chatcmpl-1",
        model="small",
        choices=[{"index": 0, "message": message, "finish_reason": "stop", "logprobs": logprobs}],
        usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        vertex_ai_safety_results=[SAID],
    )
    made._hidden_params = {"response_cost": 0.1, "additional_headers": {"a": "b"}}  # pyright: ignore[reportPrivateUsage]
    return made


def response() -> ResponsesAPIResponse:
    part = {"type": "output_text", "text": SAID, "annotations": [], "logprobs": [{"token": "a", "logprob": -0.1}]}
    output = [
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "find", "arguments": SAID},
    ]
    fields: dict[str, Any] = {"id": "resp_1", "created_at": 1, "output": output, "reasoning": {"summary": SAID}}
    return ResponsesAPIResponse(**fields, parallel_tool_calls=True, tool_choice="auto", tools=[], top_p=1.0)


def details(result: Any) -> dict[str, Any]:
    payload = {
        "id": "1",
        "messages": [{"role": "user", "content": SAID}],
        "response": result.model_dump(),
        "metadata": {"user_api_key_alias": "shop", "requester_metadata": {"a": [1]}},
        "model_parameters": {"temperature": 0.1},
        "startTime": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return {"messages": payload["messages"], "standard_logging_object": payload, "litellm_params": {}}


def redacted(result: Any) -> tuple[dict[str, Any], Any]:
    told = details(result)
    return told, cast("Any", redact_messages).perform_redaction(told, result)


@pytest.mark.parametrize("make", [answer, response])
def test_loggers_are_told_the_same(make: Any, by_structure: None) -> None:
    ours, our_result = redacted(make())
    setattr(redact_messages, "copy", copy)  # noqa: B010  a module to type checkers
    theirs, their_result = redacted(make())

    assert ours == theirs
    assert type(our_result) is type(their_result)
    assert our_result.model_dump() == their_result.model_dump()
    assert our_result._hidden_params == their_result._hidden_params
    assert REDACTED_BY_LITELLM in str(our_result)


@pytest.mark.parametrize("make", [answer, response])
def test_the_answer_stays_what_it_was(make: Any, by_structure: None) -> None:
    made = make()

    _, told = redacted(made)

    assert REDACTED_BY_LITELLM in str(told)
    assert made.model_dump() == make().model_dump()
    assert made._hidden_params == make()._hidden_params


def test_a_logger_changes_only_its_own_copy() -> None:
    made = answer()
    theirs = copied(made)

    theirs.usage.prompt_tokens = 9
    theirs._hidden_params["additional_headers"]["a"] = "changed"
    theirs.choices[0].message.tool_calls[0].function.arguments = "changed"

    assert made.model_dump() == answer().model_dump()
    assert made._hidden_params == answer()._hidden_params  # pyright: ignore[reportPrivateUsage]
    assert theirs.choices[0].logprobs is made.choices[0].logprobs, "the one thing that is shared"


@given(VALUES)
def test_any_value_is_copied_as_deep_as_before(value: Any) -> None:
    made = copied(value)

    assert made == value
    assert _changeable(made).isdisjoint(_changeable(value))


def test_what_contains_itself_is_copied() -> None:
    around: dict[str, Any] = {"name": "a"}
    around["self"] = around

    made = copied(around)

    assert made is not around
    assert made["self"] is made


def _changeable(value: Any) -> set[int]:
    """The identities of all in it that can be changed."""
    if isinstance(value, dict):
        inside = list(cast("dict[str, Any]", value).values())
    elif isinstance(value, list | tuple):
        inside = list(cast("list[Any]", value))
    else:
        return set()
    own = set[int]() if isinstance(value, tuple) else {id(cast("object", value))}
    return own.union(*(_changeable(one) for one in inside))
