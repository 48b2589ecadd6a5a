"""The language of templates: what is allowed, what it costs, and that nothing runs away."""

import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Template

from thriftgate.prompts.problems import Findings
from thriftgate.prompts.templates.language import Source
from thriftgate.prompts.templates.sandbox import Limits, Meter, TemplateRenderError, Templates

VARIABLES = ("name", "items", "count")


def compiled(text: str, includes: Mapping[str, str] | None = None) -> tuple[Template | None, Source, Findings]:
    findings = Findings()
    sources = {key: Source(value, f"{key}.md", 1) for key, value in (includes or {}).items()}
    source = Source(text, "support/control.md", 10)
    return Templates(VARIABLES, sources, findings).compile(source), source, findings


def rendered(text: str, includes: Mapping[str, str] | None = None, limits: Limits | None = None, **values: Any) -> str:
    template, source, findings = compiled(text, includes)
    assert template is not None, findings.problems
    return Meter(limits or Limits()).render(template, source, values)


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("Hello {{ name }}!", {"name": "Ada"}, "Hello Ada!"),
        ("{% if name %}yes{% else %}no{% endif %}", {"name": ""}, "no"),
        ("{{ items | join(', ') }}", {"items": ["a", "b"]}, "a, b"),
        ("{% for item in items %}{{ loop.index }}.{{ item }} {% endfor %}", {"items": ["x", "y"]}, "1.x 2.y "),
        ("{{ name | default('friend') }}", {"name": None}, "friend"),
        ("{{ name | d('friend', true) }}", {"name": ""}, "friend"),
        ("{{ name }}", {"name": None}, ""),
        ("{{ count + 1 }} {{ count * 2 }}", {"count": 3}, "4 6"),
        ("{{ name ~ '-' ~ count }}", {"name": "a", "count": 1}, "a-1"),
        ("{{ items[0] }}{{ items[-1] }}", {"items": ["a", "b"]}, "ab"),
        ("{{ items[1:] | join('') }}", {"items": ["a", "b", "c"]}, "bc"),
        ("{{ name | tojson }}", {"name": '</x>&"'}, '"\\u003c/x\\u003e\\u0026\\""'),
        ("{{ name | truncate(5) }}", {"name": "abcdefgh"}, "abcd…"),
        ("{{ 2.7 | round }} {{ 2.345 | round(1) }}", {}, "3 2.3"),
        ("{{ items | unique | sort | join }}", {"items": ["b", "a", "b"]}, "ab"),
        ("{{ items | length }} {{ items | first }}{{ items | last }}", {"items": ["a", "b"]}, "2 ab"),
        ("{{ name | trim | capitalize }} {{ name | title | upper | lower }}", {"name": " ab "}, "Ab  ab "),
        ("{% set x = 1 %}{{ x }}{# a note #}", {}, "1"),
        ("{% if count is even and name in items %}in{% endif %}", {"count": 2, "name": "a", "items": ["a"]}, "in"),
        ("{{ name & '<b>' if false else '<b>' }}", {"name": "a"}, None),
        ("a <b> & c", {}, "a <b> & c"),
    ],
)
def test_the_language_does_what_jinja_does(template: str, values: dict[str, Any], expected: str | None) -> None:
    if expected is None:
        assert compiled(template)[0] is None
    else:
        assert rendered(template, **values) == expected


@pytest.mark.parametrize(
    ("template", "line", "message"),
    [
        ("{{ range(10) }}", 10, "calls are not available"),
        ("\n\n{{ name.upper() }}", 12, "calls are not available"),
        ("{{ name.__class__ }}", 10, "'.__class__' is not available"),
        ("{{ name['__class__'].x }}", 10, "'.x' is not available"),
        ("{{ loop.cycle }}", 10, "'.cycle' is not available"),
        ("{% macro m() %}x{% endmacro %}", 10, "{% macro %} is not available"),
        ("{% import 'x' as y %}", 10, "{% import %} is not available"),
        ("{% from 'x' import y %}", 10, "import %} is not available"),
        ("{% extends 'x' %}", 10, "{% extends %} is not available"),
        ("{% block b %}{% endblock %}", 10, "{% block %} is not available"),
        ("{% filter upper %}x{% endfilter %}", 10, "{% filter %} is not available"),
        ("{% set x %}y{% endset %}", 10, "{% set %} with a block is not available"),
        ("{% with a = 1 %}{% endwith %}", 10, "{% with %} is not available"),
        ("{% for i in items recursive %}{% endfor %}", 10, "recursive loops are not available"),
        ("{{ 2 ** 1000 }}", 10, "** is not available"),
        ("a\n{{ name | uper }}", 11, "there is no filter 'uper'; did you mean 'upper'?"),
        ("{{ name | format }}", 10, "there is no filter 'format'"),
        ("{{ name | attr('x') }}", 10, "there is no filter 'attr'"),
        ("{{ name is sameas name }}", 10, "there is no test 'sameas'"),
        ("a\n\n{{ nmae }}", 12, "variable 'nmae': is not declared under `variables`; did you mean 'name'?"),
        ("{{ self }}", 10, "variable 'self': is not declared"),
        ("{% set name = 1 %}", 10, "variable 'name': is a variable and cannot be set"),
        ("{% set _x = 1 %}", 10, "'_x' cannot be set"),
        ("{% for loop in items %}{% endfor %}", 10, None),
        ("x\n{{ name ", 11, "unexpected end of template"),
        ("{% if name %}", 10, None),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", 10, "nested too deeply"),
        ("{{ " + "9" * 5000 + " }}", 10, "too large a number"),
        ("{% include name %}", 10, "an include needs a name in quotes"),
        ("{% include 'nope' %}", 10, "'nope' is not declared under `includes`"),
        ("{% for a in items %}" * 30 + "{% endfor %}" * 30, 10, "nested too deeply or is not valid Jinja"),
    ],
)
def test_what_prompts_may_not_use_is_named_with_its_line(template: str, line: int, message: str | None) -> None:
    result, _, findings = compiled(template)

    assert result is None
    assert findings.problems
    assert findings.problems[0].line == line
    assert message is None or any(message in str(problem) for problem in findings.problems)


def test_an_include_sees_the_variables_and_reports_its_own_lines() -> None:
    assert rendered("{% include 'tone' %}", {"tone": "Be kind to {{ name }}."}, name="Ada") == "Be kind to Ada."

    findings = compiled("{% include 'tone' %}", {"tone": "\n{{ nmae }}"})[2]
    assert str(findings.problems[0]).startswith("tone.md:2: variable 'nmae'")


def test_an_include_cannot_include_itself() -> None:
    findings = compiled("{% include 'a' %}", {"a": "{% include 'b' %}", "b": "{% include 'a' %}"})[2]

    assert "'a' includes itself" in str(findings.problems[0])


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in items %}{% for b in items %}{% for c in items %}{% for d in items %}{% endfor %}{% endfor %}"
        "{% endfor %}{% endfor %}",
        "{% for a in items %}{% for b in items %}{% for c in items %}{{ name }}{% endfor %}{% endfor %}{% endfor %}",
        "{% set a = name %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
        "{% set a = items %}" + "{% set a = [a, a] %}" * 40 + "{{ a == a }}",
        "{% set a = items %}" + "{% set a = [a, a] %}" * 40 + "{{ a | tojson }}",
        "{% set a = items %}" + "{% set a = [a, a] %}" * 40 + "{{ a | join }}",
        "{% for a in items %}{% for b in items %}{{ name in (name ~ 'x') }}{% endfor %}{% endfor %}",
        "{% for a in items %}{% for b in items %}" + "{% set x = 1 + 1 %}" * 500 + "{% endfor %}{% endfor %}",
        "{% for a in items %}{% for b in items %}{% set c = (items | sort) %}{% endfor %}{% endfor %}",
        "{% set sep = name ~ name ~ name %}{% for a in items %}{% set c = items | join(sep) %}{% endfor %}",
    ],
)
def test_a_bomb_is_defused_by_the_meter(template: str) -> None:
    with pytest.raises(TemplateRenderError, match=r"too much work|too long"):
        rendered(template, name="x" * 4000, items=["y"] * 200, count=2)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("a\n{{ items[99] }}", "uses something that these values do not have"),
        ("a\n{{ items }}", "only texts and numbers can be printed"),
        ("a\n{{ name * 1000 }}", "arithmetic needs numbers"),
        ("a\n{{ 'a' + name }}", "arithmetic needs numbers"),
        ("a\n{{ '%999999999d' % count }}", "arithmetic needs numbers"),
        ("a\n{{ 900000000000000 * 900000000000000 * 9 }}", "arithmetic needs numbers up to"),
        ("a\n{{ count / 0 }}", "cannot be computed"),
        ("a\n{{ name < count }}", "cannot be computed"),
        ("a\n{% for x in name %}{% endfor %}", "a loop needs a list"),
        ("a\n{{ items | sort | first | sort }}", "needs a list"),
        ("a\n{{ [] | first }}", "not empty"),
        ("a\n{{ [1, 'a'] | sort }}", "one kind"),
        ("a\n{{ items | upper }}", "needs a text"),
        ("a\n{{ name | length(3, 4) }}", "cannot be computed"),
        ("a\n{{ [items] | join }}", "only texts and numbers can be joined"),
        ("a\n{{ count | round(99) }}", "at most 15 places"),
    ],
)
def test_a_failure_while_rendering_names_file_and_line_and_no_value(template: str, reason: str) -> None:
    with pytest.raises(TemplateRenderError) as caught:
        rendered(template, name="SECRET", items=["SECRET"], count=7)

    assert str(caught.value).startswith("support/control.md:11: ")
    assert reason in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_output_is_limited_over_all_messages_of_a_prompt() -> None:
    template, source, _ = compiled("{{ name }}")
    assert template is not None
    meter = Meter(Limits(output_chars=15))

    assert meter.render(template, source, {"name": "x" * 10}) == "x" * 10
    with pytest.raises(TemplateRenderError):
        meter.render(template, source, {"name": "x" * 10})


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_comes_out_as_it_went_in(value: str) -> None:
    assert rendered("<{{ name }}>", name=value) == f"<{value}>"


@given(st.lists(st.text(max_size=20), max_size=20), st.text(max_size=5))
def test_join_is_pythons_join(items: list[str], name: str) -> None:
    assert rendered("{{ items | join(name) }}", items=items, name=name) == name.join(items)


@given(st.text(max_size=300))
def test_no_template_text_raises_while_it_is_compiled(text: str) -> None:
    template, _, findings = compiled(text)
    assert (template is None) == findings.has_errors


@given(st.lists(st.sampled_from(["{{", "}}", "{%", "%}", "name", "items", "for", "in", "endfor", "if", "endif", "|",
                                 "join", "[", "]", "(", ")", "~", "*", "set", "=", "x", "0", "'", "\n", "loop", "."]),
                max_size=30).map(" ".join))  # fmt: skip
def test_whatever_compiles_renders_or_fails_in_an_orderly_way(text: str) -> None:
    template, source, _ = compiled(text)
    if template is not None:
        with contextlib.suppress(TemplateRenderError):
            Meter().render(template, source, {"name": "n", "items": ["i"], "count": 1})


def test_a_loop_pays_for_what_it_includes() -> None:
    body = "{% set x = 1 + 1 %}" * 2000

    with pytest.raises(TemplateRenderError, match="too much work"):
        rendered("{% for a in items %}{% include 'long' %}{% endfor %}", {"long": body}, items=["y"] * 200)
