"""Almost-JSON: mended by name, never guessed, and never completed."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.output.mending import read_json
from thriftgate.output.repair import MAX_CHARACTERS, repair
from thriftgate.output.verdicts import Change, Repaired, Unfinished, Unreadable


@pytest.mark.parametrize(
    ("text", "value", "changes"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}, (Change.FENCE,)),
        ("```\n[1, 2]\n```", [1, 2], (Change.FENCE,)),
        ("```json\n3\n```", 3, (Change.FENCE,)),
        ('Here:\n```json\n{"a": 1}\n```\nDone.', {"a": 1}, (Change.FENCE, Change.AROUND)),
        ('Sure! {"a": 1} Anything else?', {"a": 1}, (Change.AROUND,)),
        ("[1, 2] as asked [see above]", [1, 2], (Change.AROUND,)),
        ('{"a": [1, 2,],}', {"a": [1, 2]}, (Change.COMMAS,)),
        ("{'a': 'it\\'s', 'b': 'say \"hi\"'}", {"a": "it's", "b": 'say "hi"'}, (Change.QUOTES,)),
        ("{a: 1, _b: {$c: 2}}", {"a": 1, "_b": {"$c": 2}}, (Change.KEYS,)),
        ('{"a": 1, // why\n "b": 2 /* so */}', {"a": 1, "b": 2}, (Change.COMMENTS,)),
        ('{"url": "http://x/#y" }}', {"url": "http://x/#y"}, (Change.BRACKETS,)),
        ('{"a": True, "b": None}', {"a": True, "b": None}, (Change.LITERALS,)),
        ('{"a": 1\n "b": 2}', {"a": 1, "b": 2}, (Change.COMMAS,)),
        ('{"a": "x\ty\nz"}', {"a": "x\ty\nz"}, (Change.CONTROL,)),
        ('{"a": "he said "hi", then left", "b": 1}', {"a": 'he said "hi", then left', "b": 1}, (Change.INNER_QUOTES,)),
        ("{\u201ca\u201d: \u201cx \u201cy\u201d z\u201d}", {"a": "x \u201cy\u201d z"}, None),
        ('{"a": "C:\\users and \\d+"}', {"a": "C:\\users and \\d+"}, (Change.ESCAPES,)),
        (
            '{"a": "<a href="x">y</a>", "b": "5" wide"}',
            {"a": '<a href="x">y</a>', "b": '5" wide'},
            (Change.INNER_QUOTES,),
        ),
        ('[{"a": 1}{"a": 2}]', [{"a": 1}, {"a": 2}], (Change.COMMAS,)),
        ("{'n': 0.1234567890123456789}", {"n": 0.1234567890123456789}, (Change.QUOTES,)),
    ],
)
def test_each_repair_is_named(text: str, value: object, changes: tuple[Change, ...] | None) -> None:
    result = repair(text)
    assert isinstance(result, Repaired)
    assert result.value == value
    assert json.loads(result.text) == value
    if changes is not None:
        assert result.changes == changes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No.",
        "I cannot do that.",
        "{{a}}",
        "{" * 60_000,
        "{'a':" * 400 + "1" + "}" * 400,
        '{"a": NaN}',
        "{'a': undefined}",
        '{"a": 1} {"b": 2}',
        "[1, 2]\n[3, 4]",
        '["a"] and ["b"]',
        '{"a":1}\n[2]',
        "[1,]\n[ null]",
        'As noted [here]: {"a": 1}',
        "x" * 60_000,
        '{"a": {"b": 1}}, "c": 2}',
        '"a": 1, "b": {"c": 2}}',
        '{"tags": ["red", "green" "blue"]}',
        '{"tags": ["red" or "green"]}',
        '["a, "b", "c"]',
        '{"a":,"b":"x"}',
        '{"a":1,,"b":2}',
        "[,1]",
        "[1 2]",
        "{zip: 01234}",
        "{date: 2024-01-05}",
        "{a: none}",
        "{a: nul}",
        "{a: hello}",
        "{a: 1e400}",
        "```json\n1e400\n```",
        "```json\n[NaN]\n```",
        '{"a": "x"], "b": 2}',
        '{"a": 1, "a": 2,}',
        '{"a": "C:\\new\\dir"}',
        '{"a": "\\x41"}',
        '{"a": "x\\\ny"}',
        "{'a': '\ud800'}",
        "{'a':\u00a01}",
    ],
)
def test_what_is_no_json_is_left_alone(text: str) -> None:
    result = repair(text)
    assert isinstance(result, Unreadable | Unfinished)


def test_a_long_text_is_not_repaired() -> None:
    assert isinstance(repair("{'a': '" + "x" * MAX_CHARACTERS + "'}"), Unreadable)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"a": 1, "b": [1, 2', {"a": 1, "b": [1]}),
        ('{"a": "x", "b": "half a sen', {"a": "x"}),
        ('{"a": 12', {}),
        ('```json\n{"a": {"b": 1}', {"a": {"b": 1}}),
        ('{"a": {"b": 1}, "c": "}', {"a": {"b": 1}}),
    ],
)
def test_a_text_that_breaks_off_is_never_completed(text: str, part: object) -> None:
    result = repair(text)
    assert isinstance(result, Unfinished)
    assert result.value == part


TEXTS = st.text(alphabet="ab \"'{}[],:\\\n#/é\u201c", max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | TEXTS,
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(TEXTS, deeper, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.lists(VALUES, max_size=3) | st.dictionaries(TEXTS, VALUES, max_size=3)


@given(DOCUMENTS, st.integers(0, 400), st.sampled_from([None, 2]))
def test_no_beginning_of_a_document_is_taken_for_the_whole(value: Any, cut: int, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    assert not isinstance(repair(text[: cut % len(text)]), Repaired)


PLAIN = st.text(alphabet="ab é_", max_size=8)
TAME = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | PLAIN,
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(PLAIN, deeper, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(PLAIN, TAME, min_size=1, max_size=3), st.sampled_from(["'", "\u201c"]), st.booleans())
def test_other_quotation_marks_and_a_fence_change_nothing_that_is_said(value: Any, mark: str, is_fenced: bool) -> None:
    text = json.dumps(value, ensure_ascii=False).replace('"', mark)
    result = repair(f"```json\n{text}\n```" if is_fenced else text)
    assert isinstance(result, Repaired)
    assert result.value == value


@given(st.text(alphabet="{}[]\"':,ab1-.eN \n\\/`\u00a0\ud800", max_size=60))
def test_what_is_repaired_is_json_and_every_repair_has_a_name(text: str) -> None:
    result = repair(text)
    assert isinstance(result, Repaired | Unfinished | Unreadable)
    if isinstance(result, Repaired):
        assert read_json(result.text) == result.value
        result.text.encode()
        assert result.changes or read_json(text) == result.value


SIGNS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


@given(DOCUMENTS, st.integers(0, 400), st.sampled_from([None, 2, "compact"]), st.data())
def test_one_sign_too_few_or_another_instead_is_never_repaired_to_something_else(
    value: Any, place: int, layout: Any, data: st.DataObject
) -> None:
    """Only a bracket that is missing at the beginning looks as one too many at the end does."""
    separators = (",", ":") if layout == "compact" else None
    text = json.dumps(value, ensure_ascii=False, indent=layout if layout == 2 else None, separators=separators)
    signs = [at for found in SIGNS.finditer(text) for at in dict.fromkeys((found.start(), found.end() - 1))]
    at = signs[place % len(signs)]
    # Signs before a bracket may be prose.
    instead = "" if at == 0 else data.draw(st.sampled_from(["", "", ",,", ":,", " ", '"', "'"]))
    result = repair(text[:at] + instead + text[at + 1 :])
    # Without a comma two numbers may be one, and then nothing is repaired.
    if isinstance(result, Repaired) and result.changes and Change.BRACKETS not in result.changes:
        assert result.value == value


@given(st.floats() | st.decimals().map(str), st.sampled_from(["{{'a': {}}}", "[{},]", "```\n{}\n```"]))
def test_a_number_is_finite_and_stays_as_it_was_written(number: Any, frame: str) -> None:
    result = repair(frame.format(number))
    if isinstance(result, Repaired):
        assert str(number) in result.text
        assert "inf" not in str(result.value)
