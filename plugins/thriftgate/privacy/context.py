"""The words that say what a value is: the label before it, its key, the heading of its column.

Failure behaviour: pure and total. Linear in the length of the text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

BESIDE = ":"
"""What ends a label that a neighbour of the value gives (`{"name": "PIN", "value": "7351"}`), not its own key."""
_WINDOW = 48
"""Characters before a value in which its label is looked for."""
_WINDOW_AFTER = 24
_CELL = re.compile(r"[,;\t|]")
_HEADING = re.compile(r"[^\W\d][\w .()#/'\"-]{0,39}\Z")
_NUMBER_SIGNS = ("#", "№")
_MAX_HEADER = 2_000
_RULE = re.compile(r"[-+=:| ]{3,}\r?\Z")
"""The line below the headings, as databases draw it."""
AN_ID = (
    r"(?<![^\W_])(?:(?:user|account|customer|client|kunden|member|employee|person|contact|tenant|org|organi[sz]ation|team"
    r"|group|session|request|response|message|thread|conversation|chat|channel|event|trace|span|correlation|log|error"
    r"|transaction|payment|invoice|order|bestell|auftrags|rechnungs|shipment|tracking|parcel|ticket|case|job|task|run"
    r"|batch|build|process|device|node|instance|resource|object|entity|record|row|doc|document|file|page|post|product"
    r"|item|article|artikel|course|charge|refund|subscription|plan|campaign|store|shop|merchant|vendor|supplier"
    r"|location|site|asset|parent|external|internal|model|version|template|u|uu|gu|p|g|o)?id)"
)
"""The pattern, in lower case, of what ends an identifier's name ("userId", "parcel_id"), and not of a word or name."""
_CAMEL_ID = re.compile(r"(?<=[a-z0-9])I[dD](?![A-Za-z])")
_SPEAKER = re.compile(r"(?i)(?:\A|[\])>])\s*(?:customer|kund(?:e|in)|client|cliente|klant|user|caller): ?\Z")
"""Who says the value in a chat, not what it is."""
_SENTENCE_END = re.compile(r"[.!?]\s|[\n\r]")


@dataclass(frozen=True)
class Context:
    """One text, asked for what stands around a position; `label` is what names the whole text (a JSON key)."""

    text: str
    label: str = ""
    widths: Sequence[int] = ()
    """How many characters of the source stand for each of the text's; empty: one for each."""

    def width(self, place: int) -> int:
        """How many characters of the source stand for this one: an escape has several."""
        return self.widths[place] if self.widths else 1

    def before(self, start: int, window: int = _WINDOW) -> str:
        """What leads to the value, in lower case: the label, its column's heading, and the words before it."""
        near = self.text[max(0, start - window) : start]
        return f"{self.label} {self._heading(start)} {near}".lower()

    def near(self, start: int, end: int) -> str:
        """The same with a few characters after the value."""
        return f"{self.before(start)} {self.text[end : end + _WINDOW_AFTER].lower()}"

    def closest(self, start: int) -> str:
        """Only what belongs to this value: from the end of the sentence or line before it."""
        near = self.text[max(0, start - _WINDOW) : start]
        ends = list(_SENTENCE_END.finditer(near))
        near = _SPEAKER.sub("", near[ends[-1].end() :] if ends else near)
        words = f"{self.label} {self._heading(start)} {near}"
        return _CAMEL_ID.sub("_id", words).lower()

    def cells(self) -> Iterator[tuple[str, int, int]]:
        """Every cell of a table with its heading: (heading, start, end)."""
        table = self._table
        if table is None:
            return
        separator, headings, end = table
        at = end + 1
        for line in self.text[at:].split("\n"):
            start = at
            for heading, cell in zip(headings, _cells_of(line, separator), strict=False):
                yield heading, start, start + len(cell)
                start += len(cell) + 1
            at += len(line) + 1

    @cached_property
    def _table(self) -> tuple[str, Sequence[str], int] | None:
        """Separator, headings and end of the first line, where the text looks like a table with headings."""
        end = self.text.find("\n")
        if not 0 < end <= _MAX_HEADER:
            return None
        line = self.text[:end].strip("\r`")
        separator = _CELL.search(line)
        if separator is None:
            return None
        headings = [heading.strip().strip("\"'") for heading in line.split(separator[0])]
        if not all(_HEADING.match(heading) or heading in _NUMBER_SIGNS for heading in headings if heading) or not any(
            headings
        ):
            return None
        second = self.text[end + 1 : end + 1 + _MAX_HEADER].split("\n", 1)[0]
        if separator[0] == "|" and _RULE.match(second):
            return separator[0], headings, end
        return (separator[0], headings, end) if second.count(separator[0]) >= line.count(separator[0]) else None

    def _heading(self, start: int) -> str:
        table = self._table
        if table is None or start <= table[2]:
            return ""
        separator, headings, _ = table
        line_start = self.text.rfind("\n", max(0, start - _MAX_HEADER - 1), start) + 1
        column = self.text.count(separator, line_start, start) if line_start else len(headings)
        return headings[column] if column < len(headings) else ""


def _cells_of(line: str, separator: str) -> list[str]:
    """The cells of a line; a separator between quotes is none."""
    cells = line.split(separator)
    if '"' not in line:
        return cells
    whole: list[list[str]] = []
    is_open = False
    for cell in cells:
        if is_open:
            whole[-1].append(cell)
        else:
            whole.append([cell])
        is_open ^= cell.count('"') % 2 == 1
    return [separator.join(parts) for parts in whole]
