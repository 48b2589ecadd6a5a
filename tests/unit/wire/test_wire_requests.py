"""Views of requests in every dialect: nothing is changed, texts stand in their places, identity is injective."""

import copy
import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire_samples.dialects import REQUESTS, SAMPLES, DialectSamples, request_id
from tests.wire_samples.samples import Body, Sample, changed

from thriftgate.errors import InvalidRequestError
from thriftgate.wire.dialects import request_view
from thriftgate.wire.identity import IdentityRules, Uncacheable, identity, pattern
from thriftgate.wire.paths import Path, at, removed, replaced, string_leaves
from thriftgate.wire.request import RequestView
from thriftgate.wire.turns import Dialect

requests = pytest.mark.parametrize(("dialect", "sample"), REQUESTS, ids=request_id)


def everything(view: RequestView) -> list[Any]:
    return [
        view.turns, view.tools, view.forced_tool, view.answer_format, view.attachments, view.state_references,
        view.asks_logprobs, view.model, view.n, view.max_tokens, view.temperature, view.params,
        view.question, view.instructions, view.texts, view.user,
        view.must_call_tool, identity(view),
    ]  # fmt: skip


@requests
def test_looking_changes_nothing(dialect: Dialect, sample: Sample) -> None:
    body = copy.deepcopy(sample.body)
    everything(request_view(dialect, body))
    assert body == sample.body


@requests
def test_every_turn_part_and_text_stands_where_its_path_says(dialect: Dialect, sample: Sample) -> None:
    view = request_view(dialect, sample.body)
    for turn in view.turns:
        assert at(sample.body, turn.path) == turn.value
        for part in turn.parts:
            assert at(sample.body, part.path) == part.value
            assert part.text_path is None or at(sample.body, part.text_path) == part.text
    for place in view.texts:
        assert at(sample.body, place.path) == place.text
    paths = [place.path for place in view.texts]
    assert len(paths) == len(set(paths))


@requests
def test_texts_can_be_changed_and_changed_back(dialect: Dialect, sample: Sample) -> None:
    view = request_view(dialect, sample.body)
    marked = changed(view, lambda text: f"<{text}>")
    assert [place.text for place in view.reread(marked).texts] == [f"<{place.text}>" for place in view.texts]
    assert changed(view.reread(marked), lambda text: text[1:-1]) == sample.body
    assert changed(view, lambda text: text) == sample.body


@requests
def test_a_system_text_comes_before_the_clients_and_nothing_else_differs(dialect: Dialect, sample: Sample) -> None:
    view = request_view(dialect, sample.body)
    body = view.with_prompt([{"role": "system", "content": "We are polite."}])
    written = view.reread(body)
    assert written.instructions.startswith("We are polite.")
    assert written.instructions.endswith(view.instructions)
    assert written.question == view.question
    assert set(body) - set(sample.body) <= {"system", "instructions"}
    assert {k: v for k, v in written.params.items() if k not in ("system", "instructions")} == {
        k: v for k, v in view.params.items() if k not in ("system", "instructions")
    }


@requests
def test_a_prompt_stands_around_the_conversation(dialect: Dialect, sample: Sample) -> None:
    view = request_view(dialect, sample.body)
    before = [
        {"role": "system", "content": "Ours."},
        {"role": "user", "content": "An example?"},
        {"role": "assistant", "content": "An answer."},
    ]
    written = view.reread(view.with_prompt(before, [{"role": "user", "content": "In short."}], keep_system=False))
    assert written.instructions == "Ours."
    spoken = [turn for turn in written.turns if turn.role != "system"]
    assert [turn.text for turn in spoken[:2]] == ["An example?", "An answer."]
    assert written.question.endswith("In short.")


@requests
def test_a_question_can_be_replaced_by_another(dialect: Dialect, sample: Sample) -> None:
    view = request_view(dialect, sample.body)
    if not view.question_parts:
        with pytest.raises(InvalidRequestError):
            view.with_question("Else?")
        return
    replaced_ = view.reread(view.with_question("Else?"))
    assert replaced_.question == "Else?"


@requests
def test_the_question_is_cut_out_of_the_frame(dialect: Dialect, sample: Sample) -> None:
    view = request_view(dialect, sample.body)
    if not view.question_parts:
        return
    other = view.reread(view.with_texts({view.question_parts[0].text_path or (): "Something else entirely"}))
    mine, theirs = identity(view), identity(other)
    assert mine.frame == theirs.frame
    assert mine.question != theirs.question


@pytest.mark.parametrize("one", SAMPLES, ids=request_id)
def test_different_requests_have_different_identities(one: DialectSamples) -> None:
    """All samples differ in something material but the few that differ only in what is listed as immaterial."""
    seen: dict[str, list[str]] = {}
    for sample in one.requests:
        found = identity(request_view(one.dialect, sample.body))
        seen.setdefault(json.dumps([found.frame, found.question], sort_keys=True), []).append(sample.name)
    same = sorted(sorted(names) for names in seen.values() if len(names) > 1)
    assert same == EQUAL[one.dialect]


EQUAL: dict[Dialect, list[list[str]]] = {
    Dialect.CHAT: [["nulls", "plain", "prices and speed", "stream", "stream with usage", "who asks"]],
    Dialect.MESSAGES: [
        ["cached system", "system blocks"],
        ["cached tools", "tools"],
        ["nulls", "plain", "stream", "tier", "who asks"],
    ],
    Dialect.RESPONSES: [["nulls", "plain", "prices and speed", "stream", "who asks"]],
}


@requests
@settings(max_examples=8)
@given(data=st.data())
def test_no_leaf_of_a_body_is_missing_from_its_identity(dialect: Dialect, sample: Sample, data: st.DataObject) -> None:
    """Changing any string that is not under an immaterial field changes frame or question."""
    leaves = [path for path, _ in string_leaves(sample.body) if is_material(path)]
    path = data.draw(st.sampled_from(leaves)) if leaves else None
    if path is None:
        return
    changed = replaced(sample.body, {path: at(sample.body, path) + " "})
    mine, theirs = identity(request_view(dialect, sample.body)), identity(request_view(dialect, changed))
    assert (mine.frame, mine.question) != (theirs.frame, theirs.question)


IMMATERIAL = {
    "model", "stream", "stream_options", "user", "metadata", "safety_identifier", "store", "service_tier",
    "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
}  # fmt: skip


def is_material(path: tuple[Any, ...]) -> bool:
    return path[0] not in IMMATERIAL and "cache_control" not in path


def test_blanks_and_part_borders_are_content() -> None:
    def asked(*parts: str) -> Any:
        body = {"messages": [{"role": "user", "content": [{"type": "text", "text": part} for part in parts]}]}
        return identity(request_view(Dialect.CHAT, body))

    assert len({asked(*parts).question for parts in (("a  b",), ("a b",), ("a b ",), ("a ", "b"), ("a", " b"))}) == 5
    assert asked("a", "b").frame != asked("a b").frame


def test_history_beyond_the_window_is_immaterial_but_its_being_there_is_not() -> None:
    def talk(*texts: str) -> Any:
        roles = itertools.cycle(("user", "assistant"))
        body = {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]}
        return identity(request_view(Dialect.CHAT, body), IdentityRules(history_turns=1)).frame

    assert talk("1", "2", "3", "4", "5") == talk("9", "8", "3", "4", "5")
    assert talk("1", "2", "3", "4", "5") == talk("0", "0", "9", "8", "3", "4", "5")
    assert talk("3", "4", "5") != talk("1", "2", "3", "4", "5")
    assert talk("1", "2", "3", "x", "5") != talk("1", "2", "3", "4", "5")


def test_an_operator_declares_places_and_lines_immaterial() -> None:
    rules = IdentityRules(
        immaterial=(pattern("messages[*].name"), pattern("messages[0].content ^ x-billing:"), pattern("a.*.b"))
    )

    def framed(system: str, name: str, deep: str) -> Any:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": "Hi", "name": name}]
        return identity(
            request_view(Dialect.CHAT, {"messages": messages, "a": {"k": {"b": deep, "c": 1}}}), rules
        ).frame  # fmt: skip

    assert framed("x-billing: 1\nBe brief.", "Ada", "1") == framed("x-billing: 2\nBe brief.", "Bob", "2")
    assert framed("x-billing: 1\nBe brief.", "Ada", "1") != framed("x-billing: 1\nBe rude.", "Ada", "1")


@pytest.mark.parametrize("written", ["", ".", "a..b", "a[b]", "a ^ ", "a[-1]"])
def test_what_is_no_pattern_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"place|after"):
        pattern(written)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file by id", Uncacheable.FILE),
        ("image by address", Uncacheable.URL),
        ("web search", Uncacheable.SERVER_TOOL),
        ("spoken before", Uncacheable.AUDIO),
    ],
)
def test_a_chat_that_depends_on_more_than_its_body_is_not_cached(name: str, reason: Uncacheable) -> None:
    body = next(sample.body for _, sample in REQUESTS if sample.name == name)
    assert [found for found, _ in identity(request_view(Dialect.CHAT, body)).uncacheable] == [reason]


def test_max_tokens_can_be_left_to_whoever_serves() -> None:
    rules = IdentityRules(max_tokens_apart=True)
    few, many = (Body(messages=[], max_tokens=limit) for limit in (5, 50))
    mine, theirs = (identity(request_view(Dialect.CHAT, body), rules) for body in (few, many))
    assert mine.frame == theirs.frame
    assert (mine.max_tokens, theirs.max_tokens) == (5, 50)
    assert identity(request_view(Dialect.CHAT, few)).frame != identity(request_view(Dialect.CHAT, many)).frame


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


def test_a_text_inside_json_changes_and_nothing_around_it() -> None:
    sent = '{ "n":1.10, "big":12345678901234567890.5,"city" :"Lim\\u00e1", "l":["a\\"b",{"city":"x:y"}], "e":1e400}'
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": sent}}
    view = request_view(Dialect.CHAT, {"messages": [{"role": "assistant", "tool_calls": [call]}]})
    assert [place.text for place in view.texts] == ["Lim\u00e1", 'a"b', "x:y"]
    body = changed(view, lambda text: {"x:y": 'new "one"'}.get(text, text))
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == sent.replace('"x:y"', r'"new \"one\""')


def test_very_many_marks_are_taken_out_in_one_pass() -> None:
    """The test's own time limit is the assertion: with a pass for each mark this takes minutes."""
    block = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    body = {"messages": [{"role": "user", "content": [dict(block)]} for _ in range(20_000)]}
    frame = identity(request_view(Dialect.MESSAGES, body)).frame
    assert "cache_control" not in json.dumps(frame)


@given(value=JSON, data=st.data())
def test_replacing_shares_everything_that_is_not_on_the_way(value: Any, data: st.DataObject) -> None:
    leaves = [path for path, _ in string_leaves(value)]
    chosen = data.draw(st.sets(st.sampled_from(leaves))) if leaves else set[Path]()
    before = copy.deepcopy(value)
    changed = replaced(value, dict.fromkeys(chosen, "NEW"))
    assert value == before
    assert [
        (path, "NEW" if path in chosen else text) for path, text in string_leaves(value)
    ] == list(string_leaves(changed))  # fmt: skip


@given(body=st.dictionaries(st.sampled_from(["a", "b"]), st.lists(JSON, max_size=4), min_size=1), data=st.data())
def test_removing_takes_out_what_was_there(body: Body, data: st.DataObject) -> None:
    places = [(name, place) for name, listed in body.items() for place in range(len(listed))]
    gone = data.draw(st.sets(st.sampled_from(places))) if places else set[tuple[str, int]]()
    left = removed(body, gone)
    assert {n: [v for i, v in enumerate(vs) if (n, i) not in gone] for n, vs in body.items()} == left


FIELDS = [
    "messages",
    "role",
    "content",
    "type",
    "text",
    "input",
    "tools",
    "function",
    "name",
    "parameters",
    "tool_choice",
    "response_format",
    "system",
    "image_url",
    "file",
    "source",
    "tool_calls",
    "arguments",
    "instructions",
    "include",
    "reasoning",
    "thinking",
    "stream_options",
]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("dialect", [one.dialect.value for one in SAMPLES])
@given(body=ODD.filter(lambda value: isinstance(value, dict)))
def test_no_odd_body_breaks_the_view(dialect: str, body: Body) -> None:
    view = request_view(Dialect(dialect), body)
    everything(view)
    changed(view, str.upper)
