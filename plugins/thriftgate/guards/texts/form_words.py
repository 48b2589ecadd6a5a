"""All that a text says which has the form of HTML, of a program's error or of an e-mail, parted from that form.

Tags, frames of a call stack and head lines are no sign of an attack, and the classifier, which was trained on what
people say, takes them for one. So what such a text says is judged without them, and they by their words: a model reads
those too. No word is left out, however it is spaced, marked up or spelled.

Failure behaviour: pure and total; linear in the length of the text, with a bounded number of parts. What has no such
form has none.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from thriftgate.guards.texts.windows import SIZE

_NAMES = (
    "a|abbr|address|article|aside|audio|b|big|blockquote|body|br|button|caption|center|code|col|colgroup|dd|del|details"
    "|div|dl|dt|em|fieldset|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd"
    "|label|legend|li|link|main|map|mark|meta|nav|noscript|object|ol|optgroup|option|p|param|path|picture|pre|q|s|samp"
    "|script|section|select|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea"
    "|tfoot|th|thead|time|title|tr|tt|u|ul|var|video|wbr"
)
_TAG = re.compile(rf"<(?:!--(?P<comment>[^<]*)-->|!doctype\b[^<>]*>|/?(?:{_NAMES})(?:[\s/][^<>]*)?>)", re.IGNORECASE)
_SCRIPT = re.compile(r"<(?:script|style)\b[^<>]*>", re.IGNORECASE)
_SCRIPT_ENDS = re.compile(r"</(?:script|style)", re.IGNORECASE)
_INLINE = re.compile(
    r"</?(?:abbr|b|big|code|del|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|time|tt|u|var|wbr)\b"
    r"|<!--",
    re.IGNORECASE,
)
_LEAST_TAGS, _LEAST_FRAMES, _LEAST_HEADS = 3, 3, 2
_WORD = r"[^\W_]++(?:['\u2019-][^\W_]++)*+"
# Begins where a word begins: tried from each of its letters it takes time that grows with the square.
_PROSE = re.compile(rf"(?<![^\W_])(?<![^\W_]['\u2019-]){_WORD}(?:[,;:.!?]{{0,2}}\s{{1,3}}{_WORD}){{2,}}+[.!?]?")
"""Three words with a blank between them."""
_WORDS = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_FRAME = re.compile(
    r"(?:File \"[^\"]*\", line \d+.*|at \S[^(]*\(.*|at \S+:\d+|\.\.\. \d+ more|[~^ ]+"
    r"|Traceback \(most recent call last\):)\Z"
)
_HEAD = re.compile(
    r"(?:> ?)*+(?:Return-Path|Received|DKIM-Signature|Message-ID|MIME-Version|Content-[A-Za-z-]+|Date|From|To|Cc"
    r"|Reply-To|X-[A-Za-z-]+|[A-Z][a-z]+-Recipient|ARC-[A-Za-z-]+|Authentication-Results|Sent"
    r"|(?P<told>Subject)): ?(?P<value>.*)\Z"
)
_QUOTED = re.compile(r"(?:> ?)+")
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\n")
_OTHER_SCRIPT = re.compile("[\u0370-\uffff]")
_OTHER_RUN = re.compile("[\u0370-\uffff][^\\n\"'<>]*")
_TURN = re.compile(
    r"<\|?/?(?:im_start|im_end|system|assistant|user|endoftext|instructions?|prompt|admin)\|?>|\[/?(?:inst|sys|system)\]"
    r"|(?:system|assistant|admin|instruction)s?\s*(?:\]|:|>)",
    re.IGNORECASE,
)
"""A made-up turn of a conversation."""
_SHORT = 40
"""Characters that parts without a sentence have together, and by which places where one may begin are apart."""
_NEAR = 120
"""Characters over which what is parted by lines or blocks is read as one."""
_MOST = 256
"""Parts of a text: of a long one with more sentences several are one part."""
_OFTEN = 3
"""Tags, frames or head lines that have a word which is their own, and parts none of what is written in them."""
_DOUBT, _MUCH = 1.5, 400
"""The words of a form look suspect as such: they need more evidence (a logit), in full from so many characters on."""


@dataclass(frozen=True, slots=True)
class FormReading:
    """A part of such a text as it is judged."""

    text: str
    doubt: float = 0.0
    """Taken from the logit of its score; none for what the text says, some for the words of its form."""


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    is_told: bool
    """Whether there is a sentence in it."""


def readings_of_form(text: str) -> list[FormReading] | None:
    """Each sentence, neighbours as one, and the words of all that is said and of the form; None: it has no form."""
    lines = text.split("\n")
    form, notes = list[str](), list[str]()
    if sum(1 for _ in _TAG.finditer(text)) >= _LEAST_TAGS:
        said = [_of_html(text, form, notes)]
    elif sum(_is_frame(line) for line in lines) >= _LEAST_FRAMES:
        said = ["\n".join(_of_error(lines, form))]
    elif heads := _heads(lines):
        said = list(_of_mail(lines, heads, form))
    else:
        return None
    of_form = [_WORDS.findall(html.unescape(one)) for one in form]
    form = [" ".join(html.unescape(one).split()) for one in form]
    least = len(text) // _MOST
    found = list[FormReading]()
    for one in (said, notes):
        parts = (part for lines in one for part in _SENTENCE_ENDS.split(html.unescape(lines)))
        found += _readings(list(_parts(parts, least)))
    prose = (match[0] for one in form for kind in (_PROSE, _OTHER_RUN) for match in kind.finditer(one))
    found += (FormReading(one.text) for one in _parts(prose, least))
    often = Counter(word for one in of_form for word in set(one))
    own = " ".join(word for one in of_form for word in one if often[word] < _OFTEN)
    for words in (" ".join(word for one in of_form for word in one), own, _words(html.unescape(text))):
        found.append(FormReading(words, _doubt(words)))
    return list({one.text: one for one in reversed(found) if one.text}.values())[::-1]


def _readings(parts: Sequence[_Said]) -> Iterator[FormReading]:
    """Sentences as they are; all that is said, and what is no sentence, by words: no mark between them hides any."""
    told = [one.text for one in parts if one.is_told]
    rest = " ".join(one.text for one in parts if not one.is_told)
    words = [_words(one.text) for one in parts]
    yield from map(FormReading, (*told, *_neighbours(told), *_neighbours(words), " ".join(words), _words(rest)))


def _words(text: str) -> str:
    return " ".join(_WORDS.findall(text))


def _doubt(text: str) -> float:
    return _DOUBT * min(1.0, len(text) / _MUCH)


def _parts(parts: Iterable[str], least: int) -> Iterator[_Said]:
    """The parts in one line each, those shorter than `least` and fragments with what follows."""
    waiting, length, is_told = list[str](), 0, False
    for part in parts:
        line = " ".join(part.split())
        if not line:
            continue
        tells = any(kind.search(line) for kind in (_PROSE, _OTHER_SCRIPT, _TURN))
        if waiting and length >= least and (tells or is_told or length > _SHORT):
            yield _Said(" ".join(waiting), is_told)
            waiting, length, is_told = [], 0, False
        waiting.append(line)
        length += len(line) + 1
        is_told = is_told or tells
    if waiting:
        yield _Said(" ".join(waiting), is_told)


def _neighbours(parts: Sequence[str]) -> Iterator[str]:
    """From each place on as many parts as an order may be long."""
    passed = _SHORT
    for at, first in enumerate(parts):
        if passed >= _SHORT:
            end, length = at + 1, len(first)
            while end < len(parts) and length < _NEAR:
                length += 1 + len(parts[end])
                end += 1
            if end > at + 1 and length < SIZE:
                yield " ".join(parts[at:end])
            passed = 0
        passed += len(first) + 1


def _of_html(text: str, form: list[str], notes: list[str]) -> str:
    """What is between the tags, a line for each block of the page; comments are notes."""
    shown, at = list[str](), 0
    for tag in _TAG.finditer(text):
        if tag.start() < at:
            continue
        shown.append(text[at : tag.start()])
        at = tag.end()
        if tag["comment"] is not None:
            notes.append(tag["comment"])
        else:
            form.append(tag[0])
        shown.append(" " if _INLINE.match(tag[0]) else "\n")
        if _SCRIPT.fullmatch(tag[0]):
            end = _SCRIPT_ENDS.search(text, at)
            script = text[at : end.start() if end else len(text)]
            form += (_TAG.sub(" ", script), *(inner[0] for inner in _TAG.finditer(script)))
            at += len(script)
    shown.append(text[at:])
    return "".join(shown)


def _is_frame(line: str) -> bool:
    return _FRAME.match(line.strip()) is not None


def _of_error(lines: list[str], form: list[str]) -> Iterator[str]:
    """What is neither a frame nor the line of code below one."""
    is_code = False
    for line in lines:
        is_frame = _is_frame(line)
        if is_frame or (is_code and line.startswith("    ")):
            form.append(line)
        else:
            yield line
        is_code = is_frame and line.lstrip().startswith("File ")


def _heads(lines: list[str]) -> dict[int, re.Match[str]]:
    """The head lines that stand beside another."""
    found = {at: head for at, line in enumerate(lines) if (head := _HEAD.match(line)) is not None}
    return {at: head for at, head in found.items() if at - 1 in found or at + 1 in found}


def _of_mail(lines: list[str], heads: dict[int, re.Match[str]], form: list[str]) -> Iterator[str]:
    """The subjects, and the body without the marks of what is quoted."""
    body: list[str] = []
    for at, line in enumerate(lines):
        head = heads.get(at)
        if head is None:
            quote = _QUOTED.match(line)
            body.append(line[quote.end() :] if quote else line)
        elif head["told"]:
            yield head["value"]
        else:
            form.append(head["value"])
    # A sentence goes on in the next line; a blank line ends it.
    yield from ("\n".join(body)).replace("\n\n", "\0").replace("\n", " ").split("\0")
