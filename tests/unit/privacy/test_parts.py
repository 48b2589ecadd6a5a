"""Views, spans, pseudonyms, masking and whole documents."""

import json
import urllib.parse
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.errors import ContentBlockedError, InvalidRequestError
from thriftgate.privacy.documents import transformed
from thriftgate.privacy.masking import Masker, Recurrences, spoken_of_again
from thriftgate.privacy.placeholders import LONGEST, literal_numbers, variant_letters, written
from thriftgate.privacy.policy import Action, PrivacyPolicy
from thriftgate.privacy.pseudonyms import Pseudonyms
from thriftgate.privacy.restoring import Restorer
from thriftgate.privacy.spans import TextSpan, joined, resolve_overlaps
from thriftgate.privacy.views import privacy_view


@st.composite
def a_span(draw: st.DrawFn) -> TextSpan:
    start = draw(st.integers(0, 40))
    kind = draw(st.sampled_from(["PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER"]))
    return TextSpan(start, start + draw(st.integers(0, 10)), kind, draw(st.sampled_from([0.5, 0.8, 1.0])))


SPANS = st.lists(a_span(), max_size=8)


@given(SPANS)
def test_resolved_spans_do_not_overlap_and_cover_all_that_was_found(spans: list[TextSpan]) -> None:
    resolved = resolve_overlaps(spans)
    assert all(first.end <= second.start for first, second in pairwise(resolved))
    covered = {place for span in resolved for place in range(span.start, span.end)}
    assert covered == {place for span in spans for place in range(span.start, span.end)}


@given(SPANS.filter(lambda spans: len(spans) <= 4))
def test_the_order_of_findings_does_not_matter(spans: list[TextSpan]) -> None:
    assert len({tuple(resolve_overlaps(order)) for order in permutations(spans)}) == 1


def test_a_street_and_its_tail_are_one_address() -> None:
    text = "at 12 Main Street, Springfield, IL 62704 today"
    parts = [TextSpan(3, 17, "ADDRESS", 0.9), TextSpan(19, 30, "ADDRESS", 0.8), TextSpan(32, 40, "ADDRESS", 0.7)]
    assert [text[span.start : span.end] for span in joined(text, parts)] == ["12 Main Street, Springfield, IL 62704"]


def test_two_people_with_a_comma_between_them_stay_two() -> None:
    parts = [TextSpan(0, 5, "PERSON", 0.9), TextSpan(7, 10, "PERSON", 0.9), TextSpan(11, 16, "PERSON", 0.9)]
    assert joined("Alice, Bob Stone", parts) == [parts[0], TextSpan(7, 16, "PERSON", 0.9)]


@given(st.text(max_size=40), st.text(max_size=20))
def test_every_part_of_a_view_is_cut_out_of_the_source(before: str, name: str) -> None:
    source = before + urllib.parse.quote(f"{name}@example.com") + " end"
    view = privacy_view(source)
    assert len(view.text) == len(view.starts) == len(view.ends)
    assert all(0 <= start < end <= len(source) for start, end in zip(view.starts, view.ends, strict=True))
    assert list(view.starts) == sorted(view.starts)


@pytest.mark.parametrize(
    "source",
    [
        "a%40b.c",
        "a\\u0040b.c",
        "a&#64;b.c",
        "a&#x40;b.c",
        "a%2540b.c",
        b"a\\u200b@b.c".decode("unicode_escape"),
    ],
)
def test_an_escaped_address_reads_like_a_plain_one(source: str) -> None:
    view = privacy_view(source)
    assert view.text == "a@b.c"
    assert view.source(0, 5) == (0, len(source))


@given(st.lists(st.sampled_from(["Alice", "Bob", "alice", "ALICE", "Zoë", "Carol Smith", "carol  smith"]), max_size=20))
def test_two_people_never_share_a_placeholder_and_one_keeps_hers(names: list[str]) -> None:
    state = Pseudonyms()
    given_out = [state.placeholder_for("PERSON", name) for name in names]
    assert [state.placeholder_for("PERSON", name) for name in names] == given_out
    assert len(set(given_out)) == len(set(names))
    values = state.values()
    assert [values[placeholder] for placeholder in given_out] == names
    again = Pseudonyms.of(state.entries())
    assert [again.placeholder_for("PERSON", name) for name in names] == given_out
    assert again.placeholder_for("PERSON", "Somebody New") not in given_out


@given(st.lists(st.sampled_from(["Alice", "Bob", "Carol"]), max_size=10), st.lists(st.sampled_from(["Dora", "Bob"])))
def test_a_longer_conversation_keeps_the_placeholders_of_its_beginning(turn: list[str], later: list[str]) -> None:
    short, long = Pseudonyms(), Pseudonyms()
    first = [short.placeholder_for("PERSON", name) for name in turn]
    assert [long.placeholder_for("PERSON", name) for name in [*turn, *later]][: len(turn)] == first


def test_spellings_of_one_value_share_the_number() -> None:
    state = Pseudonyms()
    assert state.placeholder_for("CREDIT_CARD", "4111 1111 1111 1111") == "<CREDIT_CARD_1>"
    assert state.placeholder_for("CREDIT_CARD", "4111111111111111") == "<CREDIT_CARD_1B>"
    assert state.placeholder_for("CREDIT_CARD", "5555555555554444") == "<CREDIT_CARD_2>"


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        (
            "EMAIL_ADDRESS",
            ["ann.lee@x.example", "ann.lee%40x.example", "ann.lee\\u0040x.example", "ANN.LEE&#64;x.example"],
        ),
        ("CREDIT_CARD", ["4111 1111 1111 1111", "4111%201111%201111%201111", "\uff14111111111111111"]),
        ("IBAN_CODE", ["NL91 ABNA 0417", "NL91%20ABNA%200417", "nl91\u202fabna\u202f0417"]),
    ],
)
def test_escaped_spellings_of_a_value_share_its_number_and_each_comes_back_as_it_was_written(
    kind: str, spellings: list[str]
) -> None:
    state = Pseudonyms()
    placeholders = [state.placeholder_for(kind, spelling) for spelling in spellings]
    assert placeholders == [f"<{kind}_1{letter}>" for letter in ("", "B", "C", "D")[: len(spellings)]]
    assert [state.values()[one] for one in placeholders] == spellings


def test_of_a_secret_each_sign_counts() -> None:
    state = Pseudonyms()
    assert state.placeholder_for("SECRET", "pa%20ss") != state.placeholder_for("SECRET", "pa ss")
    assert len(state) == 2
    assert {one.number for one in state.entries()} == {1, 2}


def test_a_placeholder_that_the_user_typed_is_never_given_out() -> None:
    state = Pseudonyms()
    state.reserve(["what does <PERSON_1> mean, and PERSON_2?"], ["PERSON"])
    assert state.placeholder_for("PERSON", "Alice") == "<PERSON_3>"
    assert literal_numbers("person 1 said so", ["PERSON"]) == set()


def test_no_placeholder_is_longer_than_a_stream_may_hold() -> None:
    assert len(written("A" * 32, 999_999_999, 26 * 26)) < LONGEST
    assert [variant_letters(n) for n in (0, 1, 25, 26, 27)] == ["", "B", "Z", "AA", "AB"]


NAMES = st.sampled_from(["Alice", "Bob Stone", "Zoë", "alice", 'O"Hara', "Ann\\Lee"])
WORDS = st.sampled_from([" ", "hello ", "<", "_1>", "PERSON", "\n", "1", "s", ", ", "<PERSON_1>", "&", "%", "\\"])


@given(st.lists(st.one_of(NAMES.map(lambda name: (True, name)), WORDS.map(lambda word: (False, word))), max_size=14))
def test_a_masked_text_comes_back_as_it_was(parts: list[tuple[bool, str]]) -> None:
    text, spans = "", list[TextSpan]()
    for is_name, part in parts:
        # A name in the middle of a word or against another bracket is nothing that a recognizer gives.
        glue = "\t" if is_name else ""
        text += glue
        if is_name:
            spans.append(TextSpan(len(text), len(text) + len(part), "PERSON", 1.0))
        text += part + glue
    masker = Masker(PrivacyPolicy({"PERSON": Action.PSEUDONYMIZE}), Pseudonyms())
    masker.pseudonyms.reserve([text], ["PERSON"])
    masked = masker.mask(text, spans)
    assert not any(f"\t{name}\t" in masked for flag, name in parts if flag)
    stream = Restorer(masker.pseudonyms.values()).stream()
    assert stream.feed(masked) + stream.flush() == text


def test_each_action_does_what_it_says() -> None:
    span = TextSpan(3, 8, "PERSON", 1.0)

    def masked(action: Action) -> str:
        return Masker(PrivacyPolicy({"PERSON": action}), Pseudonyms(), b"key").mask("hi Alice!", [span])

    assert masked(Action.PSEUDONYMIZE) == "hi <PERSON_1>!"
    assert masked(Action.MASK) == "hi <PERSON>!"
    assert masked(Action.DROP) == "hi !"
    assert masked(Action.ALLOW) == "hi Alice!"
    assert masked(Action.HASH) == masked(Action.HASH) != "hi Alice!"
    with pytest.raises(ContentBlockedError, match="PERSON") as blocked:
        masked(Action.BLOCK)
    assert "Alice" not in str(blocked.value)


@pytest.mark.parametrize(
    ("kind", "value", "text", "again"),
    [
        ("PERSON", "Alice", "alicezalice Alice's Alices Al user_Alice", ["Alice", "Alice"]),
        ("PERSON", "Al", "Al", []),
        ("PERSON", "Anna Weber", "anna weber and ANNA WEBER", ["anna weber", "ANNA WEBER"]),
        ("PERSON", "Rose", "a rose", []),
        ("PERSON", "李小龙", "我是李小龙吗", ["李小龙"]),
        ("SECRET", "!Sommer24", "x!Sommer24 !Sommer241", ["!Sommer24"]),
        ("SECRET", "hunter22", "密码hunter22吗 HUNTER22", ["hunter22"]),
        ("SECRET", "a!b c7", "https://x.example/?p=a%21b%20c7", ["a%21b%20c7"]),
        ("SECRET", "a%21b7", "a!b7", ["a!b7"]),
        ("EMAIL_ADDRESS", "Anna@x.io", "anna@x.io", ["anna@x.io"]),
        ("CREDIT_CARD", "4111 1111 1111 1111", "order 4111111111111111, x4111-1111-1111-1111EUR",
         ["4111111111111111", "4111-1111-1111-1111"]),
        ("US_SSN", "219-09-9998", "219099998 and 2190999981", ["219099998"]),
        ("PHONE_NUMBER", "4155552671", "so is 4155552671 ok, or (415) 555-2671 or 14155552671?",
         ["4155552671", "415) 555-2671", "14155552671"]),
        ("PHONE_NUMBER", "+49 171 2345678", "01712345678 171/2345678 00491712345678",
         ["01712345678", "171/2345678"]),
        ("IP_ADDRESS", "10.0.0.5", "10.0.0.5 10.0.0.50 110.0.0.5", ["10.0.0.5"]),
    ],
)  # fmt: skip
def test_a_value_found_once_is_found_again(kind: str, value: str, text: str, again: list[str]) -> None:
    spans = Recurrences(spoken_of_again([(kind, value)])).find(text)
    assert [text[span.start : span.end] for span in resolve_overlaps(spans)] == again


def test_many_values_that_begin_alike_are_all_found_again() -> None:
    values = [("IP_ADDRESS", f"10.0.{number // 250}.{number % 250}") for number in range(2_000)]
    again = Recurrences(spoken_of_again(values))
    assert all(again.find(f"at {value} today") for _, value in values)


def upper(text: str, label: str) -> str:
    return text.upper()


def test_texts_of_all_dialects_are_reached_and_the_protocols_own_words_are_not() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa", "detail": "low"}}
    call = {"id": "call_x", "type": "function", "function": {"name": "send", "arguments": '{"to": "c", "id": 1}'}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "e"}]}
    body: dict[str, Any] = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "a"},
            {"role": "user", "name": "al", "content": [{"type": "text", "text": "b"}, picture]},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_x", "content": '{"type": "d"}'},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "send", "input": {"type": "f"}}]},
        ],
        "input": [
            {"type": "function_call_output", "call_id": "c", "output": "g"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "h"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "send", "description": "i", "parameters": {"x": ["y"]}}}],
        "instructions": "j",
        "unheard_of": {"deep": ["k"]},
    }
    out = transformed(body, upper)
    text = json.dumps(out)
    assert all(f'"{letter}"' in text or f'\\"{letter}\\"' in text for letter in "ABCEFGHIJK")
    assert '\\"TYPE\\": \\"D\\"' in text
    assert out["messages"][1]["content"][1] is picture
    assert out["messages"][2]["tool_calls"][0]["id"] == "call_x"
    assert out["messages"][2]["tool_calls"][0]["function"]["name"] == "send"
    assert {message["role"] for message in out["messages"]} == {"system", "user", "assistant", "tool"}


def test_what_does_not_change_is_the_same_object() -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "n": 1}
    assert transformed(body, lambda text, label: text) is body


def test_json_in_json_keeps_everything_but_the_value() -> None:
    text = '{"a" : 1.50, "b":"{\\"mail\\":\\"x@y.zz\\"}","n":4111111111111111}'

    def mask(text: str, label: str) -> str:
        return {"x@y.zz": "<EMAIL_ADDRESS_1>", "4111111111111111": "<CREDIT_CARD_1>"}.get(text, text)

    out = transformed({"arguments": text}, mask)["arguments"]
    assert out == '{"a" : 1.50, "b":"{\\"mail\\":\\"<EMAIL_ADDRESS_1>\\"}","n":"<CREDIT_CARD_1>"}'


def test_a_document_nested_too_deeply_is_refused() -> None:
    deep: object = "x"
    for _ in range(70):
        deep = [deep]
    with pytest.raises(InvalidRequestError):
        transformed({"messages": deep}, upper)


def test_what_a_library_says_in_the_head_of_a_request_is_no_prose() -> None:
    told: list[tuple[str, str]] = []
    library: list[str] = []

    def visit(text: str, label: str) -> str:
        told.append((text, label))
        return text

    def visit_header(text: str, label: str) -> str:
        library.append(label)
        return "masked"

    headers = {
        "accept": "*/*", "Content-Type": "application/json", "x-stainless-runtime": "CPython", "sec-ch-ua": "Chromium",
        "content-length": "88", "x-phone": "555123", "x-customer": "Alice", "x-accept": "application/json",
    }  # fmt: skip
    body = {"metadata": {"headers": headers}, "accept": "gzip"}
    out = transformed(body, visit, visit_header)
    assert library == ["accept", "Content-Type", "x-stainless-runtime", "sec-ch-ua"]
    read = [("555123", ""), ("Alice", ""), ("application/json", ""), ("gzip", "")]
    assert [one for one in told if one[0] != "headers"] == read
    assert out["metadata"]["headers"]["x-stainless-runtime"] == "masked"
    assert transformed(body, lambda text, label: text) is body


TOOL: dict[str, Any] = {
    "type": "object", "required": ["lon", "Ada Lovelace"], "additionalProperties": False,
    "properties": {
        "lon": {"type": ["number", "null"], "description": "where", "format": "double"},
        "age": {"type": "integer", "enum": ["json"], "title": "Age"},
        "Ada Lovelace": {"$ref": "#/$defs/Ada Lovelace"}, "0171 2345678": {"type": "Ada"},
    },
    "$defs": {"Ada Lovelace": {"type": "string", "format": "Ada"}},
}  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": TOOL}}]},
        {"tools": [{"type": "function", "name": "f", "parameters": TOOL}]},
        {"tools": [{"name": "f", "input_schema": TOOL}]},
        {"functions": [{"name": "f", "parameters": TOOL}]},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": TOOL}}},
        {"text": {"format": {"type": "json_schema", "name": "f", "schema": TOOL}}},
        {"output_config": {"format": {"type": "json_schema", "schema": TOOL}}},
    ],
    ids=["chat", "responses", "messages", "functions", "chat format", "responses format", "messages format"],
)
def test_the_words_of_a_schema_stay_and_its_names_are_no_prose(body: dict[str, Any]) -> None:
    prose: list[str] = []

    def visit(text: str, _: str) -> str:
        prose.append(text)
        return text.replace("Ada Lovelace", "<PERSON_1>")

    names: list[str] = []

    def visit_word(text: str, _: str) -> str:
        names.append(text)
        return text

    out = json.dumps(transformed(body, visit, visit_word))
    assert set(names) == {"lon", "age"}
    assert {"where", "json", "Age", "Ada Lovelace", "0171 2345678", "Ada"} == set(prose)
    kept = ['"type": ["number", "null"]', '"type": "integer"', '"format": "double"', '"type": "object"']
    assert [one for one in kept if one not in out] == []
    assert '"required": ["lon", "<PERSON_1>"]' in out
    assert "#/$defs/<PERSON_1>" in out
    assert "Ada Lovelace" not in out


@pytest.mark.parametrize("key", ["id", "type", "status", "container", "voice", "user_id", "alice@example.com"])
def test_metadata_has_no_keys_of_the_protocol_and_its_keys_are_texts(key: str) -> None:
    def visit(text: str, label: str) -> str:
        return text.replace("alice@example.com", "<EMAIL_ADDRESS_1>")

    body = {"metadata": {key: "alice@example.com", "requester_metadata": {key: "alice@example.com"}}}
    assert "alice" not in json.dumps(transformed(body, visit))
    assert "alice" not in json.dumps(transformed({"noted": body}, visit))


def test_many_values_that_begin_with_one_word_are_all_found_again() -> None:
    values = [f"a@{'b' * length}.example" for length in range(1, 400)]
    again = Recurrences([("EMAIL_ADDRESS", value) for value in values])
    text = ", ".join(values).upper()
    assert [text[span.start : span.end].lower() for span in again.find(text)] == values
