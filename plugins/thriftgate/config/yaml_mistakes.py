"""What is wrong with a text that is no YAML, in plain words and at the line where it went wrong.

A YAML parser points to where it could not go on, which is often lines after the slip: a bracket that is never closed
is noticed at the end, a missing blank after a colon in the next line.

Failure behaviour: nothing here raises; a mistake there are no words for keeps the parser's own.
"""

import re

import yaml

_NO_BLANK = re.compile(r"^\s*(?:- +)?(?P<key>[A-Za-z_][\w.-]*):(?P<value>[^\s/].*)$")
_NEVER_QUOTED = re.compile(r"url|key|secret|password|token", re.IGNORECASE)


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[str, int]:
    """The mistake, and its line (from 1)."""
    lines = text.splitlines()
    begun = error.context_mark.line if error.context_mark else None
    stopped = error.problem_mark.line if error.problem_mark else begun or 0
    context, problem = error.context or "", error.problem or error.context or "it cannot be read"
    if "'\\t'" in problem:
        return "a tab stands where spaces must indent", stopped + 1
    if begun is not None and ("flow mapping" in context or "flow sequence" in context):
        bracket = "{" if "mapping" in context else "["
        if stopped > begun or "end of stream" in problem or "<stream end>" in problem or "']'" in problem:
            closing = "}" if bracket == "{" else "]"
            return f"this '{bracket}' is never closed: its '{closing}' is missing", begun + 1
    if begun is not None and "quoted scalar" in context and "end of stream" in problem:
        return "a quotation mark is opened here and never closed", begun + 1
    for line in dict.fromkeys((begun, stopped, stopped - 1)):
        if line is not None and 0 <= line < len(lines) and (words := _without_blank(lines[line])):
            return words, line + 1
    if "could not find expected ':'" in problem and begun is not None:
        return "a key without a colon", begun + 1
    if "mapping values are not allowed" in problem:
        return _unexpected_key(lines, stopped), stopped + 1
    if "<block end>" in problem and "block mapping start" in problem:
        return "is indented less than what it belongs to and more than what is around it", stopped + 1
    return problem, stopped + 1


def _without_blank(line: str) -> str | None:
    found = _NO_BLANK.match(line)
    if found is None or found["value"][:1] in "\"'{[":
        return None
    key, value = found["key"], found["value"].split("#")[0].strip()
    shown = "…" if _NEVER_QUOTED.search(key) else value
    return f"a blank is missing after the colon: '{key}: {shown}'"


def _unexpected_key(lines: list[str], line: int) -> str:
    here = lines[line] if line < len(lines) else ""
    before = next(
        (other for other in reversed(lines[:line]) if other.strip() and not other.lstrip().startswith("#")), ""
    )
    if _indent(here) > _indent(before):
        return "is indented more than the line before it, which has a value already"
    return "a second colon in one line: put the value in quotes"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
