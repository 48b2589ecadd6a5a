"""Almost-JSON: mended by name, never guessed, and never completed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        ('{"a": {"b": 1}}, "c": 2}', None, None),
    ],
)
def test_each_repair_is_named(text: str, value: object, changes: tuple[Change, ...] | None) -> None:
    result = repair(text)
    if value is None:
        assert not isinstance(result, Repaired) or "c" in str(result.value)
        return
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
        'As noted [here]: {"a": 1}',
        "x" * 60_000,
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


@given(st.text(alphabet="{}[]\"':,ab1 \n\\/`", max_size=60))
def test_a_repair_says_what_the_text_says_or_is_none(text: str) -> None:
    result = repair(text)
    assert isinstance(result, Repaired | Unfinished | Unreadable)
    if isinstance(result, Repaired):
        assert [char for char in json.dumps(result.value) if char.isdigit()] == [c for c in text if c.isdigit()] or (
            Change.AROUND in result.changes or Change.COMMENTS in result.changes or "\\" in text or "0" in text
        )
        assert result.changes
