"""Reading a variant's file: what is understood, what is refused with which line, and what a version's hash is of."""

from collections.abc import Mapping

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from thriftgate.prompts.parse import FileName, parse_variant
from thriftgate.prompts.problems import Findings
from thriftgate.prompts.templates.render import render
from thriftgate.prompts.versions import PromptVersion, content, dump, escape

CONTROL = FileName("support", "control", None, "support/control.md")


def parsed(text: str, shared: Mapping[str, str] | None = None) -> tuple[PromptVersion | None, list[str]]:
    findings = Findings()
    version = parse_variant(CONTROL, text, shared or {}, findings)
    return version, [str(problem) for problem in findings.problems]


def good(text: str, shared: Mapping[str, str] | None = None) -> PromptVersion:
    version, problems = parsed(text, shared)
    assert version is not None, problems
    return version


def spoken(version: PromptVersion) -> list[tuple[str, str]]:
    return [(message.role, message.source.text) for message in version.messages]


def test_a_file_without_markers_is_one_system_message() -> None:
    assert spoken(good("You help.\n\nBe kind.\n")) == [("system", "You help.\n\nBe kind.")]


def test_markers_begin_messages_and_examples_follow_the_system_messages() -> None:
    version = good(
        "---\nexamples:\n  - user: Hi?\n    assistant: Hello.\n---\n"
        "[[system]]\nYou help.\n\n[[developer]]\nMore.\n[[user]]\nTicket\n[[conversation]]\n[[assistant]]\nSure:\n"
    )

    assert spoken(version) == [
        ("system", "You help."), ("developer", "More."), ("user", "Hi?"), ("assistant", "Hello."), ("user", "Ticket"),
        ("assistant", "Sure:"),
    ]  # fmt: skip
    assert (version.leading, version.examples_at, version.conversation_at) == (2, (2, 4), 5)


def test_a_backslash_keeps_a_line_from_being_a_marker() -> None:
    assert spoken(good("[[system]]\n\\[[user]]\n\\\\[[user]]\n[[a] b]]\n")) == [
        ("system", "[[user]]\n\\[[user]]\n[[a] b]]")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: has no message"),
        ("---\ndescription: x\n", "1: the front matter is not closed: a line of --- is missing"),
        ("---\ndescripton: x\n---\nHi", "2: unknown key 'descripton'; did you mean 'description'?"),
        ("---\ntags: [a, b\n---\nHi", "2: not readable as YAML: this '[' is never closed"),
        ("---\n- a\n---\nHi", "2: must be `key: value` lines"),
        ("---\ntags: &t [a]\nincludes: *t\n---\nHi", "3: not readable as YAML: anchors and aliases"),
        ("---\n1: x\n---\nHi", "2: the key 1 is not text: put it in quotes"),
        ("---\n[a]: x\n---\nHi", "2: a key must be text"),
        ("---\ntags: []\n\ntags: []\n---\nHi", "4: 'tags' is given twice (first in line 2)"),
        ("---\ntags: !!python/object:os.system x\n---\nHi", "2: not readable as YAML"),
        ("---\ntags: [\x00]\n---\nHi", "2: not readable as YAML: it has a character"),
        ("---\ntags: " + "[" * 3000 + "\n---\nHi", "2: not readable as YAML: nested too deeply"),
        ("---\nparams:\n  temperature: 3\n---\nHi", "3: params.temperature: must be at most 2, not 3"),
        ("---\nparams:\n  temperature: '1'\n---\nHi", "3: params.temperature: must be a number, not '1'"),
        ("---\nparams:\n  top_p: .inf\n---\nHi", "3: params.top_p: "),
        ("---\nparams:\n  model: gpt-5\n---\nHi", "3: unknown key 'params.model'"),
        ("---\nvariables:\n  Name: {}\n---\nHi", "3: variables.Name.[key]: 'Name' is not"),
        ("---\nvariables:\n  loop: {}\n---\nHi", "3: variables.loop.[key]: 'loop' means something"),
        ("---\nvariables:\n  n: {type: int}\n---\nHi", "3: variables.n.type: must be 'string', 'integer'"),
        ("---\nvariables:\n  n:\n    default: 3\n---\n{{ n }}", "4: variable 'n': default: must be a str"),
        ("---\nvariables:\n  n: {choices: [a], default: b}\n---\n{{ n }}", "3: variable 'n': default: must be one of"),
        ("---\nvariables:\n  n: {choices: [1]}\n---\n{{ n }}", "3: variable 'n': choices: must be a string"),
        ("---\nvariables:\n  n: {type: integer, minimum: 3, maximum: 2}\n---\n{{ n }}", "3: variable 'n': minimum"),
        ('---\ndescription: "\\ud800"\n---\nHi', "2: half a Unicode character"),
        ("---\nexamples:\n  - user: a\n---\nHi", "3: 'examples.0.assistant' is missing"),
        ("---\nexamples:\n  - user: |\n      a\n      {{ b }}\n    assistant: c\n---\nHi", "5: variable 'b': is"),
        ("---\nincludes: {tone: _shared/tome.md}\n---\nHi", "2: include 'tone': there is no file '_shared/tome.md'"),
        ("---\nincludes: {tone: _shared/tone.md}\n---\nHi\n[[include tone]]\nx", "2: include 'tone' is also"),
        ("[[system]]\n\n[[user]]\nHi", "1: the system message is empty"),
        ("Hi\n[[usr]]\nx", "2: '[[usr]]' is not a marker; did you mean 'user'?"),
        ("Hi\n[[System]]\nx", "2: '[[System]]' is not a marker; did you mean 'system'?"),
        ("Hi\n[[conversation]]\nx", "2: [[conversation]] has no text of its own"),
        ("Hi\n[[conversation]]\n[[conversation]]", "3: [[conversation]] is given twice"),
        ("[[conversation]]\n[[system]]\nHi", "1: [[conversation]] must come after the system messages"),
        ("Hi\n[[include a]]\nx\n[[include a]]\ny", "4: include 'a' is given twice"),
        ("---\ntags: []\n---\n\n\nHi {{ name }}", "6: variable 'name': is not declared"),
        ("[[system]]\nHi\n\n[[user]]\n\n\n{{ nmae", "7: unexpected end of template"),
        ("x" * 300_000, "1: is too long: 300000 characters, at most 256000"),
    ],
)  # fmt: skip
def test_every_mistake_names_file_and_line(text: str, expected: str) -> None:
    version, problems = parsed(text, {"_shared/tone.md": "Kind."})

    assert version is None
    assert any(problem.startswith(f"support/control.md:{expected}") for problem in problems), problems


def test_all_mistakes_are_named_at_once() -> None:
    _, problems = parsed("---\ncolour: red\nparams: {temperature: 9}\n---\nHi {{ a\n[[usr]]\nx\n")

    assert len(problems) == 3


def test_what_is_never_used_is_a_warning() -> None:
    findings = Findings()
    text = "---\nvariables:\n  a: {}\nincludes: {tone: _shared/tone.md}\n---\nHi"

    assert parse_variant(CONTROL, text, {"_shared/tone.md": "x"}, findings) is not None
    assert [str(problem) for problem in findings.problems] == [
        "support/control.md:3: variable 'a': is never used",
        "support/control.md:4: include 'tone' is never used",
    ]


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_line_endings_and_a_byte_order_mark_change_nothing(ending: str) -> None:
    text = "---\ntags: [a]\n---\n[[system]]\nHi\nthere\n[[user]]\nYou"

    assert good("\ufeff" + text.replace("\n", ending)).hash == good(text).hash


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_only_line_feeds_separate_lines(separator: str) -> None:
    text = f"Hi{separator}[[user]]{separator}---{separator}x"

    assert spoken(good(text)) == [("system", text)]


def test_a_description_is_not_part_of_the_hash_but_everything_a_model_notices_is() -> None:
    base = "---\n{}\n---\n[[system]]\nHi {{{{ name }}}}\n{}"

    def version(front: str = "variables: {name: {default: a}}", tail: str = "") -> str:
        return good(base.format(front, tail)).hash

    same = version()
    assert version("description: Other\ntags: [x]\nvariables: {name: {default: a, description: Z}}") == same
    assert version("variables: {name: {default: a, type: string}}") == same
    different = {
        version("variables: {name: {default: b}}"),
        version("variables: {name: {}}"),
        version("variables: {name: {default: a, max_length: 3}}"),
        version("variables: {name: {default: a}}\nparams: {temperature: 0}"),
        version("variables: {name: {default: a}}\nexamples: [{user: a, assistant: b}]"),
        version(tail="[[user]]\nx"),
        version(tail="[[conversation]]\n[[user]]\nx"),
        version(tail="more"),
    }
    assert len(different | {same}) == 9


def test_an_include_counts_into_the_hash_only_where_it_is_used() -> None:
    front = "---\nincludes: {tone: _shared/tone.md}\n---\n"
    used, unused = front + "{% include 'tone' %}", front + "Hi"

    assert good(used, {"_shared/tone.md": "a"}).hash != good(used, {"_shared/tone.md": "b"}).hash
    assert good(unused, {"_shared/tone.md": "a"}).hash == good(unused, {"_shared/tone.md": "b"}).hash


TEXT = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("[]\\\n -:#|>'\"%")), max_size=60
).map(lambda text: text.replace("{", "(").replace("\r", "\n"))
MESSAGE = TEXT.filter(lambda text: text.strip() and text.strip("\n") == text)


@example(description="\x85", messages=[("system", "0")], examples=[("\u2028a", "b\x85")], tone="0", default="\x85")
@given(
    description=TEXT,
    messages=st.lists(
        st.tuples(st.sampled_from(["system", "user", "assistant", "developer"]), MESSAGE), min_size=1, max_size=4
    ),
    examples=st.lists(st.tuples(MESSAGE, MESSAGE), max_size=2),
    tone=MESSAGE,
    default=TEXT,
)
def test_a_frozen_file_reads_back_as_the_same_version(
    description: str, messages: list[tuple[str, str]], examples: list[tuple[str, str]], tone: str, default: str
) -> None:
    front = {
        "description": description,
        "variables": {"v": {"default": default}},
        "params": {"temperature": 0.5, "stop": ["a"]},
        "examples": [{"user": user, "assistant": assistant} for user, assistant in examples],
    }
    body = "".join(f"[[{role}]]\n{escape(text)}\n" for role, text in messages)
    head = yaml.safe_dump(front)
    version = good(
        f"---\n{head}\n---\n{body}[[user]]\n{{% include 'tone' %}}{{{{ v }}}}\n[[include tone]]\n{escape(tone)}"
    )

    again = good(dump(version))

    assert content(again) == content(version)
    assert again.hash == version.hash == again.front.frozen
    assert again.front.description == description
    assert dump(again) == dump(version)
    assert render(again, {}) == render(version, {})


@given(st.text(max_size=400))
def test_no_text_raises_while_it_is_read(text: str) -> None:
    version, problems = parsed(text)
    assert version is not None or problems


@given(st.lists(st.sampled_from(["---", "[[system]]", "[[user]]", "[[conversation]]", "[[include a]]", "tags: [x]",
                                 "variables:", "  a: {}", "{{ a }}", "{% include 'a' %}", "{% if a %}", "", "text",
                                 "\\[[x]]", "examples:", "  - user: |", "      hi"])))  # fmt: skip
def test_no_shuffled_file_raises_while_it_is_read(lines: list[str]) -> None:
    version, problems = parsed("\n".join(lines))
    assert version is not None or problems
