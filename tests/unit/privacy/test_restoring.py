"""Placeholders come back as values: exactly, for every way of cutting the text, and nothing else changes."""

import itertools
import json
import re
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thriftgate.privacy.json_restoring import StreamJsonRestorer, restore_json
from thriftgate.privacy.placeholders import LONGEST, TRANSLATED
from thriftgate.privacy.pseudonyms import Pseudonyms
from thriftgate.privacy.restoring import Restorer, StreamRestorer

VALUES = {
    "<PERSON_1>": "Alice",
    "<PERSON_2>": "Bob",
    "<PERSON_12>": "Zoë",
    "<PERSON_1B>": "ALICE",
    "<EMAIL_ADDRESS_3>": "alice@example.com",
    "<SECRET_1>": 'a"b\\c\n',
}
RESTORER = Restorer(VALUES)


def whole(text: str) -> str:
    stream = RESTORER.stream()
    return stream.feed(text) + stream.flush()


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("Dear <PERSON_1>, your boss is <PERSON_2>.", "Dear Alice, your boss is Bob."),
        ("<PERSON_12><PERSON_1><PERSON_1B>", "ZoëAliceALICE"),
        ("<person_1> <Person 1> < PERSON_1 > <PERSON-1> <PERSON1> <PERSONS_1>", "Alice Alice Alice Alice Alice Alice"),
        ("<PERSON_1>s and <PERSON_1>'s", "Alices and Alice's"),
        ("&lt;PERSON_1&gt; \\u003cPERSON_1\\u003e %3CPERSON_2%3E", "Alice Alice Bob"),
        ("<PERSON\\_1> <EMAIL\\_ADDRESS\\_3> <email address 3>", "Alice alice@example.com alice@example.com"),
        (
            r"\<PERSON\_1\> \<PERSON_2\> C:\<PERSON_1>\x <EMAIL\\_ADDRESS\\_3>",
            "Alice Bob C:\\Alice\\x alice@example.com",
        ),
        ("&#60;PERSON_1&#62; &#x3C;PERSON_2&#x3E; &#60;PERSON_9&#62;", "Alice Bob &#60;PERSON_9&#62;"),
        ("PERSON_1 and (PERSON_2), **PERSON_12**", "Alice and (Bob), **Zoë**"),
        ("MYPERSON_1 PERSON_1x PERSON_123 PERSON_1_2", "MYPERSON_1 PERSON_1x PERSON_123 PERSON_1_2"),
        ("<PERSON_3> <CITY_1> <PERSON_> <PERSON> person 1", "<PERSON_3> <CITY_1> <PERSON_> <PERSON> person 1"),
        ("From: <PERS", "From: <PERS"),
        ("From: <PERSON_1", "From: <PERSON_1"),
        ("ends with PERSON_2", "ends with Bob"),
        ("could be twelve: PERSON_1", "could be twelve: PERSON_1"),
        ("a < b && c > d \\ e % f", "a < b && c > d \\ e % f"),
        ("<<PERSON_1>>", "<Alice>"),
        ("<PERSON_01> <PERSON: 1> <PERSON _1> <PERSON_ #1> <PERSON_1s>", "Alice Alice Alice Alice Alice"),
        ("<PERSON_1Bs> <PERSON_0> <PERSON_1t> <PERSON: : : 1>", "ALICE <PERSON_0> <PERSON_1t> <PERSON: : : 1>"),
        (
            "<PERSON\n_1> <PERSON_\r\n2> <\nPERSON_1\n> <EMAIL\nADDRESS_3> <PERSON\u00a01>",
            "Alice Bob Alice alice@example.com Alice",
        ),
        (
            "&amp;lt;PERSON_1&amp;gt; %253CPERSON_1%253E \\x3cPERSON_1\\x3e &#060;PERSON_1&#062;",
            "Alice Alice Alice Alice",
        ),
        (
            "\uff1cPERSON_1\uff1e <PERSONA_1> <Personne 2> <EMAIL_3> <e-mail-adresse 3>",
            "Alice Alice Bob alice@example.com alice@example.com",
        ),
        ("persona_1 email_3 [EMAIL_3] <EMAIL_4> <PERSONA_9>", "persona_1 email_3 [EMAIL_3] <EMAIL_4> <PERSONA_9>"),
        ("Call <persona_1>, or <e-mail 3>\\n<persona_2>.", "Call Alice, or alice@example.com\\nBob."),
        ("an <b><EMAIL_3></b> oder <person_1>\u5148\u751f", "an <b>alice@example.com</b> oder Alice\u5148\u751f"),
        ("", ""),
    ],
)
def test_a_placeholder_is_restored_also_when_a_model_changed_it_a_little(said: str, seen: str) -> None:
    assert whole(said) == seen


PIECE = st.sampled_from([
    *VALUES, "<", ">", "PERSON", "_", "1", "2", "B", "s", " ", "<PERSON", "&lt;", "&gt;", "\\u003c", "\\u003e", "%3C",
    "%3e", "<person 1>", "PERSON_1", "EMAIL", "é", "<PERSON_9>", "&", "\\", "%", '"', "{", "}", ":", "x", "0", "\n",
    "&#60;", "&#62;", "&#x3c;", "\\<", "\\>", "'s", "<SECRET_1", "<PERSON: 0", "<PERSON _", "_1s>",
    "\\n", "\\u00a0", "\\uff1c", "\\u0", "&amp;lt;", "%253c", "\\\\u003c", "\\x3c", "<EMAIL\n", "<PERSONA", "\uff1c",
    "\r\n", "<mail", " 3>",
])  # fmt: skip
PIECE_OF_MARKUP = st.sampled_from(["<", ">", "</", "/>", "&lt;", " ", "_", ": ", "a", "\n", "(", "\\u003e", "= "])
TEXT = st.lists(PIECE, max_size=24).map("".join)


def chunks_of(text: str, cuts: Sequence[int]) -> list[str]:
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[first:last] for first, last in itertools.pairwise(places)]


@given(TEXT, st.lists(st.integers(0, 400), max_size=30))
def test_every_chunking_of_a_text_gives_what_the_whole_gives(text: str, cuts: list[int]) -> None:
    stream = StreamRestorer(RESTORER)
    out = ""
    for chunk in chunks_of(text, cuts):
        out += stream.feed(chunk)
        assert stream.held < LONGEST
    assert out + stream.flush() == whole(text)


@given(TEXT)
def test_a_text_in_single_characters_gives_what_the_whole_gives(text: str) -> None:
    stream = StreamRestorer(RESTORER)
    assert "".join([*map(stream.feed, text), stream.flush()]) == whole(text)


EVERY = Restorer({f"<{kind.upper()}_{number}>": "WRONG" for kind in TRANSLATED for number in range(20)})
OWN_NAME = st.sampled_from([name for kind, names in TRANSLATED.items() for name in (kind, *names)])
SIGN = st.sampled_from(["", "_", "-"])
OPEN, CLOSE = st.sampled_from(["<", "&lt;", "\\u003c"]), st.sampled_from([">", "&gt;", "\\u003e"])
FILLING = st.text(alphabet="ab c@.<>&;_1", max_size=30)


def everywhere(text: str) -> str:
    stream = EVERY.stream()
    pieces = "".join([*map(stream.feed, text), stream.flush()])
    stream = EVERY.stream()
    assert stream.feed(text) + stream.flush() == pieces
    return pieces


@given(OWN_NAME, SIGN, st.integers(0, 19), FILLING, OPEN, CLOSE, st.booleans())
def test_markup_with_names_like_ours_stays_as_it_is(
    name: str, sign: str, number: int, filling: str, opening: str, closing: str, is_title: bool
) -> None:
    tag = f"{name.title() if is_title else name}{sign}{number}"
    # A stream waits for the closing tag no longer than for a placeholder.
    assume(len(f"{opening}{tag}{closing}{filling}{opening}/{tag}") < LONGEST)
    written = f"<list>{opening}{tag}{closing}{filling}{opening}/{tag}{closing}</list>"
    assert everywhere(written) == written


@given(OWN_NAME, SIGN, st.integers(0, 19), st.sampled_from(["a{}b", "f(1{}x)", "vector{}y", "x_{}_y"]))
def test_a_program_with_names_like_ours_stays_as_it_is(name: str, sign: str, number: int, around: str) -> None:
    for bracketed in (f"<{name}{sign}{number}>", f"< {name}{sign}{number} >"):
        written = around.format(bracketed)
        assert everywhere(written) == written
    for written in (f"{name}_{number} = 1", f"<{name}{number}>", f"[{name}{sign}{number}]", f"<{name}{sign}{number}/>"):
        assert everywhere(written) == written


@given(
    st.lists(st.one_of(st.builds("{}{}{}".format, OWN_NAME, SIGN, st.integers(20, 999)), PIECE_OF_MARKUP), max_size=9)
)
def test_a_number_that_was_not_given_out_is_never_restored(pieces: list[str]) -> None:
    written = "".join(pieces)
    assert everywhere(written) == written


@given(st.text(alphabet=st.characters(exclude_characters="<_&\\%")))
def test_a_text_without_placeholders_is_not_touched(text: str) -> None:
    assert whole(text) == text


def test_a_plain_text_is_not_held_back() -> None:
    stream = StreamRestorer(RESTORER)
    assert stream.feed("Nothing to wait for ") == "Nothing to wait for "
    assert stream.held == 0


@given(st.lists(st.sampled_from([*VALUES, "x", "é", "'", "\n", "{", "[U"]), max_size=8).map("".join), st.integers(0, 2))
def test_json_stays_json_at_every_depth(content: str, depth: int) -> None:
    document: object = {"to": content, "n": [content]}
    text = json.dumps(document)
    for _ in range(depth):
        text = json.dumps({"body": text})
    restored = restore_json(RESTORER, text)
    for _ in range(depth):
        restored = json.loads(restored)["body"]
    assert json.loads(restored) == {"to": whole(content), "n": [whole(content)]}


@given(
    st.lists(st.sampled_from([*VALUES, "x", '"', "\\", "\n", "{", "["]), max_size=8).map("".join),
    st.lists(st.integers(0, 400), max_size=30),
)
def test_every_chunking_of_json_gives_what_the_whole_gives(content: str, cuts: list[int]) -> None:
    text = json.dumps({"a": content, "b": json.dumps({"c": content})})
    stream = StreamJsonRestorer(RESTORER)
    out = "".join(stream.feed(chunk) for chunk in chunks_of(text, cuts)) + stream.flush()
    assert out == restore_json(RESTORER, text)
    json.loads(out)


def test_a_value_with_quotes_is_escaped_where_it_stands() -> None:
    nested = json.dumps({"body": json.dumps({"secret": "<SECRET_1>"})})
    assert json.loads(json.loads(restore_json(RESTORER, nested))["body"]) == {"secret": 'a"b\\c\n'}


def test_a_placeholder_between_strings_becomes_a_string() -> None:
    assert json.loads(restore_json(RESTORER, '{"name": <PERSON_1>, "all": [<PERSON_2>]}')) == {
        "name": "Alice",
        "all": ["Bob"],
    }


@pytest.mark.parametrize(
    ("value", "kind"), [("4111111111111111", int), ("6759649826438453123", str), ("0049301234", str), ("4111 1", str)]
)
def test_a_number_that_was_masked_as_one_comes_back_as_one_where_no_reader_would_round_it(
    value: str, kind: type
) -> None:
    restored = json.loads(restore_json(Restorer({"<CREDIT_CARD_1>": value}), '{"card": <CREDIT_CARD_1>}'))
    assert restored == {"card": kind(value)}


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("{<PHONE_NUMBER_1>: 1}", {"4915123456789": 1}),
        ('{"a": 1, <PHONE_NUMBER_1>: <PHONE_NUMBER_1>}', {"a": 1, "4915123456789": 4915123456789}),
        ('{"a": [1, <PHONE_NUMBER_1>, {"b": <PHONE_NUMBER_1>}]}', {"a": [1, 4915123456789, {"b": 4915123456789}]}),
    ],
)
def test_a_number_that_is_a_key_is_a_string(said: str, seen: object) -> None:
    restorer = Restorer({"<PHONE_NUMBER_1>": "4915123456789"})
    assert json.loads(restore_json(restorer, said)) == seen
    if said.startswith('{"'):  # what begins otherwise is no JSON inside a string
        inner = json.loads(restore_json(restorer, json.dumps({"body": said})))["body"]
        assert json.loads(inner) == seen


@pytest.mark.parametrize(
    "said",
    [
        "[<PHONE_NUMBER_1><PHONE_NUMBER_1>]", "[0<PHONE_NUMBER_1>]", '{"a": 7<PHONE_NUMBER_1>}',
        "[<PHONE_NUMBER_1>5]", '{"a": <PHONE_NUMBER_1>0, "b": 1}', "[<PHONE_NUMBER_1>.5]", "[<PHONE_NUMBER_1>e3]",
        '{"a": 1<PHONE_NUMBER_1>2}',
    ],
)  # fmt: skip
def test_no_number_is_made_of_two(said: str) -> None:
    """What is no JSON stays none: a reader that took it would read a number that nobody wrote."""
    restorer = Restorer({"<PHONE_NUMBER_1>": "4915123456789"})
    restored = restore_json(restorer, said)
    assert re.search(r"(?<![0-9])4915123456789(?![0-9.eE])", restored)
    inner = json.loads(restore_json(restorer, json.dumps({"body": said})))["body"]
    for one in (restored, inner) if said.startswith('{"') else (restored,):
        with pytest.raises(json.JSONDecodeError):
            json.loads(one)
    stream = StreamJsonRestorer(restorer)
    assert "".join([*map(stream.feed, said), stream.flush()]) == restored


def test_a_placeholder_between_strings_of_inner_json_becomes_a_string_there() -> None:
    inner = '{"name": <SECRET_1>, "all": [<PERSON_2>]}'
    restored = json.loads(restore_json(RESTORER, json.dumps({"body": inner})))["body"]
    assert json.loads(restored) == {"name": 'a"b\\c\n', "all": ["Bob"]}
    said = json.dumps({"a": '{"b": 1} and <PERSON_1>', "c": "[1, 2] <PERSON_1>"})
    assert json.loads(restore_json(RESTORER, said)) == {"a": '{"b": 1} and Alice', "c": "[1, 2] Alice"}


@given(
    st.recursive(
        st.sampled_from(["<PERSON_1>", '"<SECRET_1>"', '"x"', "1"]),
        lambda parts: st.one_of(
            st.lists(parts, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
            parts.map(lambda item: f'{{"k": {item}}}'),
        ),
        max_leaves=5,
    ).filter(lambda text: text[0] == "{"),
    st.integers(0, 2),
    st.lists(st.integers(0, 400), max_size=20),
)
def test_a_placeholder_without_quotes_leaves_json_json_at_every_depth(text: str, depth: int, cuts: list[int]) -> None:
    for _ in range(depth):
        text = json.dumps({"body": text})
    stream = StreamJsonRestorer(RESTORER)
    restored = "".join(stream.feed(chunk) for chunk in chunks_of(text, cuts)) + stream.flush()
    for _ in range(depth):
        restored = json.loads(restored)["body"]
    assert "<" not in json.dumps(json.loads(restored))


def test_without_values_a_stream_passes_everything_at_once() -> None:
    stream = Restorer({}).stream()
    assert stream.feed("<PERSON_1") == "<PERSON_1"
    assert stream.flush() == ""


@pytest.mark.parametrize(
    "written",
    [
        "<PERSON\n_1>",
        "\\u003cPERSON_1\\u003e",
        "\\<PERSON_1\\>",
        "<PERSON\\_1>",
        "<PERSON_\n\n1>",
        "<PERSON\u00a01>",
        "\uff1cPERSON_1\uff1e",
    ],
)
def test_what_a_model_changed_is_restored_inside_json_as_well(written: str) -> None:
    said = json.dumps({"to": f"Dear {written}, hello"})
    assert json.loads(restore_json(RESTORER, said)) == {"to": "Dear Alice, hello"}


@pytest.mark.parametrize(
    "typed",
    ["<PERSONA_1>", "<person\n_1>", "<e-mail 1>", "<EMAIL_ADDRESS_1>", "&lt;email_1&gt;", "\uff1cPERSON 1\uff1e"],
)
def test_a_number_that_the_user_typed_in_any_spelling_that_would_be_restored_is_left_out(typed: str) -> None:
    state = Pseudonyms()
    state.reserve([f"I wrote {typed} myself"], ["PERSON", "EMAIL_ADDRESS"])
    given_out = {
        state.placeholder_for("PERSON", "Alice"): "Alice",
        state.placeholder_for("EMAIL_ADDRESS", "a@b.cc"): "a@b.cc",
    }
    stream = Restorer(given_out).stream()
    assert stream.feed(typed) + stream.flush() == typed


@pytest.mark.parametrize(
    "said",
    [
        "[1] Ask {} now", "[1] {}", "[12:03, 28/11/2026] {}: on my way", "[2026-11-30] {} wrote", "[1-3] {}",
        '[2] He said "{}".', "[] {}", '{{"a": "b"}}\n{} says so', "[10%] off for {}",
        "[01, {}]", "[7, 1.2.3, {}]", "[1e5e, {}]", "[7, nul1, {}]", "[7, Infinite, {}]", "[1234x, {}]",
        "[the {}]", "[I, {}]", "[n {}]", "[- {}]", "[10 20 {}]", "[t{}]", "[1{}]", "[Info: {}]", "[true story: {}]",
        "[1]\n[{}] wrote", "[1]\n{{{}}}", "[1]\n[2] {}", '[1] {{"a": "{}"}}', "[1]\n[12:03] {}: hello", "[1]\n[2]\n{}",
    ],
)  # fmt: skip
def test_a_sentence_that_begins_like_json_is_restored_as_a_sentence_for_every_cutting(said: str) -> None:
    restorer = Restorer({"<PERSON_1>": 'Jane "Q" Hara'})
    text, wanted = said.format("<PERSON_1>"), said.format('Jane "Q" Hara')
    assert restore_json(restorer, text, is_json=False) == wanted
    for size in (1, 2, 3, 7):
        stream = StreamJsonRestorer(restorer, is_json=False)
        pieces = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
        assert "".join([*pieces, stream.flush()]) == wanted
    if "a" not in said[:5]:
        arguments = json.dumps({"to": text}, ensure_ascii=False)
        assert json.loads(restore_json(restorer, arguments))["to"] == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[1, <PERSON_1>, -2.5e3]', [1, 'J "Q"', -2500.0]),
        ('[true, null, <PERSON_1>]', [True, None, 'J "Q"']),
        ('{"a": [0, <PERSON_1>], "b": "[7, <PERSON_1>]"}', {"a": [0, 'J "Q"'], "b": '[7, "J \\"Q\\""]'}),
    ],
)  # fmt: skip
def test_lists_of_numbers_stay_json(text: str, wanted: object) -> None:
    assert json.loads(restore_json(Restorer({"<PERSON_1>": 'J "Q"'}), text, is_json=False)) == wanted


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-0",
        "10",
        "-120",
        "1.05",
        "0.10",
        "1e10",
        "-1.25E-007",
        "true",
        "false",
        "null",
        "NaN",
        "Infinity",
        "-Infinity",
    ],
)
@pytest.mark.parametrize("is_nested", [False, True])
def test_whatever_python_writes_as_a_value_stays_json(number: str, is_nested: bool) -> None:
    text = f'[7, {number}, "<SECRET_1>"]'
    restored = restore_json(RESTORER, json.dumps({"a": text}) if is_nested else text, is_json=is_nested)
    inner = json.loads(restored)["a"] if is_nested else restored
    assert json.loads(inner)[2] == VALUES["<SECRET_1>"]


LINES = [
    '[1, "{}"]\n[2, "{}"]', '[1]\n{{"name": "{}"}}', '[]\n{{"name": "{}"}}',
    '[1, 2]\r\n\n  [{{"name": "{}"}}]\n[]\n["{}"]',
    '{{"a": 1}}\n["{}"]', '[NaN]\n[-Infinity, "{}"]', '[1]\n[\n"{}"]',
]  # fmt: skip


@pytest.mark.parametrize("lines", LINES)
def test_lines_of_json_stay_json_for_every_cutting_and_in_arguments(lines: str) -> None:
    restorer = Restorer({"<PERSON_1>": 'J "Q"\\'})
    text, wanted = lines.format(*["<PERSON_1>"] * 2), lines.format(*[r"J \"Q\"\\"] * 2)
    assert restore_json(restorer, text, is_json=False) == wanted
    for size in (1, 2, 3, 7):
        stream = StreamJsonRestorer(restorer, is_json=False)
        pieces = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
        assert "".join([*pieces, stream.flush()]) == wanted
    assert json.loads(restore_json(restorer, json.dumps({"a": text})))["a"] == wanted
