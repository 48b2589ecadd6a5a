"""A value that is named once does not leave where it stands again without its name: in any message, part or dialect."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.privacy.finding import RECOGNIZERS
from tests.unit.services.privacy.test_protecting import MemoryVault

from thriftgate.privacy.context import Context
from thriftgate.privacy.findings import Text
from thriftgate.privacy.kinds import DEFAULT_KINDS
from thriftgate.privacy.lookalikes import without_lookalikes
from thriftgate.privacy.policy import Action, PrivacyPolicy
from thriftgate.privacy.spans import TextSpan
from thriftgate.services.privacy.protecting import Conversation, PrivacyService

POLICY = PrivacyPolicy(dict.fromkeys(DEFAULT_KINDS, Action.PSEUDONYMIZE))
NAMED = (
    ("my phone is {}", "4155552671"), ("my phone is {}", "01712345678"), ("ssn {}", "219099998"),
    ("card {}", "4111111111111111"), ("card {}", "4111 1111 1111 1111"), ("iban {}", "DE89370400440532013000"),
    ("my ip is {}", "203.0.113.77"), ("password: {}", "!Sommer24"), ("password: {}", "hunter22"),
    ("my password is {}", "%a7$b&c!"), ("mail {}", "anna@mail.example"), ("Mrs. {}", "Ástríður Steinarsdóttir"),
    ("my PIN is {}", "4821"),
)  # fmt: skip
AGAIN = ("so is {} ok?", "order {}", "{}", "I typed {} twice", "({})", "version {}", "{} EUR", "id={}&x=1", "\n{}\n")
Body = Callable[[str, str], dict[str, Any]]


def _messages(named: str, bare: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": named}, {"role": "user", "content": bare}]}


def _before_it_is_named(named: str, bare: str) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": bare}, {"role": "user", "content": named}]}


def _parts(named: str, bare: str) -> dict[str, Any]:
    parts = [{"type": "text", "text": named}, {"type": "text", "text": bare}]
    return {"messages": [{"role": "user", "content": parts}]}


def _tool_of_chat(named: str, bare: str) -> dict[str, Any]:
    function = {"name": "send", "arguments": json.dumps({"note": bare, bare: 1})}
    call = {"id": "c", "type": "function", "function": function}
    return {
        "messages": [
            {"role": "user", "content": named},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": json.dumps({"found": [json.dumps({"deep": bare})]})},
        ]
    }


def _anthropic(named: str, bare: str) -> dict[str, Any]:
    use = {"type": "tool_use", "id": "t", "name": "send", "input": {"deep": [{"note": bare}]}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": bare}]}
    turns = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    return {"system": bare, "messages": [{"role": "user", "content": named}, *turns]}


def _responses(named: str, bare: str) -> dict[str, Any]:
    call = {"type": "function_call", "call_id": "c", "name": "send", "arguments": json.dumps({"note": bare})}
    turn = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": bare}]}
    return {"instructions": named, "input": [turn, call], "metadata": {"note": bare}}


BODIES: tuple[Body, ...] = (_messages, _before_it_is_named, _parts, _tool_of_chat, _anthropic, _responses)


class Patterns:
    """Our recognizers without Presidio around them and without the model."""

    async def analyze(self, texts: Sequence[Text], *, caller: str = "") -> list[list[TextSpan]]:
        return [self._analyzed(text) for text in texts]

    def _analyzed(self, text: Text) -> list[TextSpan]:
        context = Context(text.text, text.label)
        return without_lookalikes(text.text, [span for one in RECOGNIZERS for span in one.find(context)])


def service(vault: MemoryVault | None = None) -> PrivacyService:
    return PrivacyService(Patterns(), vault or MemoryVault(), key=b"k" * 32)


@pytest.mark.parametrize("body", BODIES)
@given(named=st.sampled_from(NAMED), again=st.sampled_from(AGAIN))
async def test_a_value_that_is_named_once_leaves_nowhere(body: Body, named: tuple[str, str], again: str) -> None:
    lead, value = named
    protected = await service().protect(body(lead.format(value), again.format(value)), POLICY)
    assert value not in json.dumps(protected.body, ensure_ascii=False)


@given(named=st.sampled_from(NAMED), again=st.sampled_from(AGAIN))
async def test_a_value_that_is_named_in_an_earlier_request_leaves_in_no_later_one(
    named: tuple[str, str], again: str
) -> None:
    lead, value = named
    vault = MemoryVault()
    for text in (lead.format(value), again.format(value)):
        body = {"messages": [{"role": "user", "content": text}]}
        protected = await service(vault).protect(body, POLICY, Conversation("c"))
        assert value not in json.dumps(protected.body, ensure_ascii=False)
