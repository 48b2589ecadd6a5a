"""A request is looked at once, however many ask, and never from what it was before."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.route_setup import RouteSetup
from tests.unit.linear.test_linear_texts import WORST_RATIO, time_ratio

from thriftgate.caching.sharing.canonical import digest
from thriftgate.services.request.reading import choices_of, view_of, with_body, with_fields
from thriftgate.types import Caller, ChatRequest
from thriftgate.wire.chat import request as chat
from thriftgate.wire.dialects import answer_view, carries
from thriftgate.wire.identity import IdentityRules, identity
from thriftgate.wire.messages import request as messages
from thriftgate.wire.responses import request as responses
from thriftgate.wire.turns import Dialect
from thriftgate.wire.weight import is_heavy

READERS: dict[str, tuple[Any, str]] = {
    "chat": (chat, "_parts"),
    "messages": (messages, "parts_of"),
    "responses": (responses, "turn_of"),
}
"""What looks through one message, by dialect."""


def body_of(dialect: str, parts: int) -> dict[str, Any]:
    kind = "input_text" if dialect == "responses" else "text"
    content = [{"type": kind, "text": f"{place}"} for place in range(parts)]
    said = [{"role": "user", "content": content}]
    return {"input": said} if dialect == "responses" else {"max_tokens": 20, "messages": said}


def asked(dialect: str, body: dict[str, Any]) -> ChatRequest:
    plain = ChatRequest(
        request_id="1", route="support", messages=(), dialect=dialect, caller=Caller(key_hash="k", team_id="t")
    )
    return with_body(plain, body)


@pytest.mark.parametrize("dialect", READERS)
@pytest.mark.parametrize("parts", [2, 3000])
async def test_a_request_is_looked_through_once_from_its_look_up_to_its_answer(
    monkeypatch: pytest.MonkeyPatch, dialect: str, parts: int
) -> None:
    module, name = READERS[dialect]
    looks, theirs = [0], getattr(module, name)

    def counted(*args: Any) -> Any:
        looks[0] += 1
        return theirs(*args)

    monkeypatch.setattr(module, name, counted)
    setup = RouteSetup()
    request = asked(dialect, body_of(dialect, parts))
    await setup.route.answer(request, lambda _: None)
    assert looks[0] == 1


@pytest.mark.parametrize("dialect", READERS)
def test_what_was_seen_of_a_body_is_not_said_of_another(dialect: str) -> None:
    request = asked(dialect, body_of(dialect, 2))
    assert view_of(request).question == "0\n1"
    other = with_body(request, body_of(dialect, 3))
    assert view_of(other).question == "0\n1\n2"
    assert view_of(request).question == "0\n1"


@pytest.mark.parametrize("dialect", READERS)
def test_other_parameters_leave_what_was_seen_of_the_conversation(dialect: str) -> None:
    request = asked(dialect, body_of(dialect, 2))
    turns = view_of(request).turns
    other = with_fields(request, {**(request.body or {}), "temperature": 0.5})
    assert view_of(other).turns is turns
    assert view_of(other).temperature == 0.5
    assert view_of(request).temperature is None


@pytest.mark.parametrize(("dialect", "field"), [("messages", "system"), ("responses", "instructions")])
def test_a_system_text_beside_the_same_conversation_is_seen(dialect: str, field: str) -> None:
    request = asked(dialect, body_of(dialect, 2))
    assert not view_of(request).instructions
    assert view_of(with_fields(request, {**(request.body or {}), field: "Be brief."})).instructions == "Be brief."


def test_another_dialect_or_other_headers_are_another_look() -> None:
    request = asked("messages", body_of("messages", 2))
    assert view_of(request) is view_of(request)
    question = request.asking([{"role": "user", "content": "Which is better?"}], {})
    assert view_of(question).question == "Which is better?"


def test_what_is_heavy_is_told_from_many_values_or_much_text_wherever_they_stand() -> None:
    assert not is_heavy(body_of("chat", 100))
    assert is_heavy(body_of("chat", 3000))
    assert is_heavy({"tools": [{"name": "x", "parameters": {str(place): 1 for place in range(3000)}}]})
    assert is_heavy({"input": "x" * 200_000})
    assert is_heavy({"messages": [{"content": "x" * 60_000}, {"content": "x" * 60_000}]})
    assert not is_heavy(None)
    assert not is_heavy("hi")


PER_PART: dict[str, Callable[[ChatRequest], object]] = {
    "looked at": lambda request: view_of(request).state_references,
    "carried": lambda request: [carries(view_of(request), target) for target in Dialect],
    "hashed": lambda request: digest(identity(view_of(request), IdentityRules()).frame),
    "weighed": lambda request: is_heavy(request.body),
}


@pytest.mark.parametrize("dialect", READERS)
@pytest.mark.parametrize("name", PER_PART)
def test_ten_times_the_parts_take_at_most_fifteen_times_the_time(dialect: str, name: str) -> None:
    work = PER_PART[name]
    assert time_ratio(lambda text: work(asked(dialect, body_of(dialect, len(text)))), "a") <= WORST_RATIO


def test_the_first_hundred_losses_are_told() -> None:
    parts = [{"type": "container_upload", "file_id": "x"}] * 3000
    request = asked("messages", {"messages": [{"role": "user", "content": parts}]})
    assert len(carries(view_of(request), Dialect.CHAT)) == 100


@pytest.mark.parametrize(
    ("word", "ending"), [("end_turn", "stop"), ("max_tokens", "length"), ("model_context_window_exceeded", None)]
)
def test_an_answer_that_filled_its_models_window_was_not_cut_by_a_clients_limit(word: str, ending: str | None) -> None:
    body = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}], "stop_reason": word}
    (choice,) = choices_of(answer_view(Dialect.MESSAGES, body))
    assert choice.finish_reason == ending
