r"""Credentials whose name stands where a format puts it: beside them, in another element, as a column of a statement.

Failure behaviour: pure. Linear: every repetition is bounded.
"""

import re
from collections.abc import Iterator

from thriftgate.privacy.recognizers.credential_words import KEYWORD, SUFFIX, is_about, is_named, names_a_secret
from thriftgate.privacy.scanning import Scan

_NAME_AND_VALUE = re.compile(
    r"(?i)\bname[\"']?: ?[\"']?(?P<name>[\w.-]{2,60})[\"']?,?\s{1,40}"
    r"[\"']?value[\"']?: ?[\"']?(?P<value>[^\s\"']{4,512})"
)
"""As Kubernetes lists the variables of a container."""
_VALUE_AND_NAME = re.compile(
    r"(?i)\bvalue[\"']?: ?[\"'](?P<value>[^\s\"']{4,512})[\"'],?\s{1,40}(?:[\"']?\w{1,24}[\"']?: ?[\"']?[\w./-]{1,40}"
    r"[\"']?,\s{1,40}){0,2}"
    r"[\"']?(?:name|key)[\"']?: ?[\"']?(?P<name>[\w./-]{2,60})"
)
_VARIABLE = re.compile(
    r"\bvariable\s{1,4}\"(?P<name>[\w-]{2,60})\"\s{0,4}\{[^{}]{0,400}?\bdefault\s{0,20}=\s{0,4}\"(?P<value>[^\s\"]{4,512})\""
)
"""As Terraform declares one."""
_ATTRIBUTES = re.compile(
    r"(?i)<\w[\w:.-]{0,30}(?:\s{1,4}[\w:.-]{1,30}=\"[^\"<>]{0,100}\"){0,2}?\s{1,4}(?:key|name|id)="
    r"\"(?P<name>[\w. -]{2,60})\"\s{1,4}(?:[\w:.-]{1,30}=\"[^\"<>]{0,100}\"\s{1,4})?"
    r"value=\"(?P<value>[^\"<>\s]{4,512})\""
)
"""As settings stand in XML."""
_ARGUMENTS = re.compile(
    r"(?<=[(\[{])\s?[\"'`](?P<name>[\w.:-]{2,60})[\"'`],\s{0,4}[\"'`](?P<value>[^\s\"'`]{4,512})[\"'`]\s?(?=[)\]}])"
)
"""A pair, of a call or a list: `setenv("DB_PASSWORD", "…")`."""
_SETTER = re.compile(
    r"\b(?:set|with|put|use|add)_?(?P<name>[A-Z_a-z]\w{1,60})\(\s?[\"'`](?P<value>[^\s\"'`]{4,512})[\"'`]\s?\)"
)
_ELEMENTS = re.compile(
    r">\s{0,4}(?P<name>[\w.() -]{2,60}?):?\s{0,2}</[a-z][\w-]{0,15}>\s{0,8}(?:</?[a-z][^<>]{0,60}>\s{0,8}){1,4}"
    r"(?P<value>[^<>\s]{4,512})</"
)
"""The text of one element is the name of the next: property lists, rows of two cells, definitions."""
_PART = re.compile(
    r"(?i)\bname=\"(?P<name>[\w.\[\]-]{2,60})\"[^\r\n\"]{0,120}\r?\n(?:[\w-]{2,40}: [^\r\n]{0,120}\r?\n){0,3}\r?\n"
    r"(?P<value>[^\s]{4,512})(?=\r?\n|\Z)"
)
"""Of a form in several parts."""
_SERIALIZED = re.compile(
    r"\bs:\d{1,4}:\\?\"(?P<name>[\w.-]{2,60})\\?\";\s?s:\d{1,5}:\\?\"(?P<value>[^\s\"\\]{4,512})\\?\""
    r"|\[\"(?P<dumped>[\w.-]{2,60})\"\]\s?=>\s{1,8}string\(\d{1,5}\)\s\"(?P<shown>[^\s\"]{4,512})\""
)
"""As PHP writes values."""
_REFUSED = re.compile(
    r"(?m)^(?P<name>[\w.]{2,60})\n {2}[^\n]{0,200}?\binput_value=(?P<quote>['\"])(?P<value>[^\s'\"]{4,512})(?P=quote)"
)
"""As pydantic reports a field."""
_LISTED = re.compile(
    r"(?<=[(\[{])\s?[\"'`](?P<name>[\w.:-]{2,60})[\"'`],\s{0,4}[\[(]\s?[\"'`](?P<value>[^\s\"'`]{4,512})[\"'`]\s?(?=[,)\]}])"
)
"""The first of a list behind its name, as tests have parameters."""
_COMPARED = re.compile(
    r"\b(?P<name>[\w.]{2,60})\)?(?:\.(?:not\.)?[a-zA-Z]{2,20}\(|, ?)[\"'`](?P<value>[^\s\"'`]{4,512})[\"'`]\)"
)
"""`expect(password).toBe("…")`, `strcmp(password, "…")`."""
_EXPECTED = re.compile(
    r"\bassert\w{0,20}\(\s?[\"'`](?P<value>[^\s\"'`]{4,512})[\"'`],\s?(?:[\w]{1,40}\.){0,4}(?P<name>\w{2,60})"
)
"""What a test expects stands in front of what it asks."""
_VALUE_FIRST = re.compile(
    r"(?i)<input\b[^<>]{0,200}?\bvalue=\"(?P<value>[^\"<>\s]{4,512})\"[^<>]{0,200}?\bname=\"(?P<name>[\w. -]{2,60})\""
)
_INNER = re.compile(
    r"(?i)\b(?:name|key|id)=\"(?P<name>[\w. -]{2,60})\"[^<>]{0,100}>\s{0,8}<[a-z][\w-]{0,15}>"
    r"(?P<value>[^<>\s]{4,512})</"
)
_PATCH = re.compile(
    r"\"path\": ?\"/(?:[^\"/\s]{1,60}/){0,6}(?P<name>[\w.-]{2,60})\", ?\"value\": ?\"(?P<value>[^\s\"]{4,512})\""
)
_IN_PIPES = re.compile(
    rf"(?i)\|\s{{0,4}}[`*]{{0,2}}(?P<name>[\w .-]{{0,24}}{KEYWORD}{SUFFIX})[`*]{{0,2}}\s{{0,40}}\|{{1,2}}\s{{0,4}}`?"
    r"(?P<value>[^\s|`]{4,512})`?\s{0,40}\|"
)
"""A row of two cells."""
_TABLES = {
    _NAME_AND_VALUE: "alue", _VALUE_AND_NAME: "alue", _VARIABLE: "variable",
    _ATTRIBUTES: '="', _ARGUMENTS: "", _SETTER: "(", _ELEMENTS: "</",
    _PART: 'name="', _SERIALIZED: "", _REFUSED: "input_value", _PATCH: '"path"', _IN_PIPES: "|", _LISTED: "(",
    _COMPARED: "(", _EXPECTED: "assert", _VALUE_FIRST: "<input", _INNER: '="',
}  # fmt: skip
"""With what stands in all that each of them matches."""
_STATED = re.compile(
    r"(?i)\bidentified (?:with \w{1,40} )?by\s{1,4}'(?P<value>[^\s']{4,512})'"
    r"|\bidentified (?:with \w{1,40} )?by\s{1,4}\"(?P<quoted>[^\s\"]{4,512})\""
    r"|\b(?:secret|password) [057] (?P<after>[^\s\"']{4,512})"
    r"|\b(?:un)?zip\b[^\n]{0,60}? -P ?[\"']?(?P<option>[^\s\"'-][^\s\"']{3,511})"
)
"""As SQL, routers and archives are told a password."""
_INSERT = re.compile(
    r"(?i)\binsert (?:ignore )?into [\w.\"`]{1,80}\s{0,4}\((?P<names>[^()]{2,1000})\)\s{0,4}values\s{0,4}\("
    r"(?P<values>[^()\n]{2,2000})\)"
)
_HEADINGS = re.compile(r"(?i)(?:<th\b[^<>]{0,100}>[^<>]{0,100}</th>\s{0,20}){2,40}")
_HEADING = re.compile(r"(?i)<th\b[^<>]{0,100}>(?P<name>[^<>]{0,100})</th>")
_ROW_OR_CELL = re.compile(r"(?i)<tr\b|<td\b[^<>]{0,100}>(?P<value>[^<>]{0,512})</td>")
_COLUMNS = re.compile(
    rf"(?im)^(?=[^\n]{{0,160}}?{KEYWORD})(?P<head>[^\n,|;<>(){{}}]{{3,200}}?(?: {{2,40}}"
    rf"|\t)[^\n]{{2,120}})\n(?P<rows>(?:[^\n]{{4,400}}(?:\n|\Z)){{1,40}})"
)
"""Columns that blanks part."""
_GAP = re.compile(r" {2,}|\t+")
_CELL = re.compile(r"'(?P<value>(?:[^'\n]|''){0,512})'|\"(?P<quoted>[^\"\n]{0,512})\"|[^,'\"]{1,200}")


def named_places(text: str) -> Iterator[tuple[int, int] | None]:
    """Where what a format names begins and ends; None is a pause."""
    for pattern, hint in _TABLES.items():
        if hint in text:
            for match in Scan(pattern, text):
                yield None if match is None else _value_of(match)
    for match in Scan(_STATED, text):
        yield None if match is None else match.span(match.lastgroup or 0)
    has_columns = "\n" in text and ("  " in text or "\t" in text)
    for pattern, reach, read, is_there in (
        (_HEADINGS, 3_200, _in_rows, "<th" in text),
        (_COLUMNS, 17_000, _in_columns, has_columns),
        (_INSERT, 3_200, _inserted, "(" in text),
    ):
        for table in Scan(pattern, text, reach=reach) if is_there else ():
            yield None
            yield from read(table) if table is not None else ()


def _value_of(match: re.Match[str]) -> tuple[int, int] | None:
    """The value, where its name is one of a credential."""
    called, group = ("name", "value") if match["value"] is not None else ("dumped", "shown")
    name, value = match[called], match[group]
    is_one = names_a_secret(name) and is_named(value, is_prose=False) and not is_about(name, value)
    return match.span(group) if is_one else None


def _in_rows(table: re.Match[str]) -> Iterator[tuple[int, int] | None]:
    """The cells below headings of HTML that name credentials."""
    names = [one["name"].strip() for one in _HEADING.finditer(table[0])]
    wanted = {number for number, name in enumerate(names) if names_a_secret(name)}
    column = 0
    end = table.string.find("</table", table.end()) if wanted else 0
    cells = Scan(_ROW_OR_CELL, table.string)
    cells.at = table.end()
    for part in cells if wanted else ():
        if part is None or 0 <= end < part.start():
            return
        if part["value"] is None:
            column = 0
            continue
        value = part["value"].strip()
        if column in wanted and is_named(value, is_prose=False):
            yield part.span("value")
        column += 1


def _in_columns(table: re.Match[str]) -> Iterator[tuple[int, int]]:
    """What stands in the rows where the first line names a credential."""
    names = _GAP.split(table["head"].strip())
    wanted = {number for number, name in enumerate(names) if names_a_secret(name.strip())}
    at = table.start("rows")
    for line in table["rows"].split("\n") if wanted and len(names) > 1 else ():
        start = at + len(line) - len(line.lstrip())
        for number, cell in enumerate(_GAP.split(line.strip())):
            start = table.string.find(cell, start, at + len(line)) if cell else start
            if number in wanted and is_named(cell, is_prose=False):
                yield start, start + len(cell)
            start += len(cell)
        at += len(line) + 1


def _inserted(statement: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The values of the columns that are called credentials."""
    names = [name.strip(" \"'`[]\n") for name in statement["names"].split(",")]
    if not any(map(names_a_secret, names)):
        return
    cells = (one for one in _CELL.finditer(statement.string, *statement.span("values")) if one[0].strip())
    for name, cell in zip(names, cells, strict=False):
        group = cell.lastgroup
        if group is not None and names_a_secret(name) and is_named(cell[group], is_prose=False):
            yield cell.span(group)
