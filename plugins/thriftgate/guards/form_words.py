"""The sentences in a text that has the form of HTML, of a program's error or of an e-mail.

Tags, frames of a call stack and head lines are no sign of an attack, and the classifier, which was trained on what
people say, takes them for one. So of such a text its sentences are judged; whatever of tags, scripts and frames reads
like prose is a sentence too, as a model reads it there.

Failure behaviour: pure and total; linear in the length of the text. What has no such form has none.
"""

import html
import re
from collections.abc import Iterator

_TAG = re.compile(r"<(?:!--(?P<comment>[^<]*)-->|/?[a-zA-Z!?][^<>]*>)")
_SCRIPT = re.compile(r"<(?:script|style)\b[^<>]*>", re.IGNORECASE)
_SCRIPT_ENDS = re.compile(r"</(?:script|style)", re.IGNORECASE)
_BLOCK = re.compile(
    r"</?(?:p|div|td|th|tr|li|ul|ol|h[1-6]|br|pre|table|title|label|button|form|option|section|a)\b", re.I
)
_LEAST_TAGS, _LEAST_FRAMES = 3, 3
_WORD = r"[^\W_]++(?:['\u2019-][^\W_]++)*+"
# Begins where a word begins: tried from each of its letters it takes time that grows with the square.
_PROSE = re.compile(rf"(?<![^\W_])(?<![^\W_]['\u2019-]){_WORD}(?:[,;:.!?]{{0,2}} {_WORD}){{2,}}+[.!?]?")
"""Three words with a blank between them."""
_OTHER_SCRIPT = re.compile("[\u0370-\uffff]")
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
_SENTENCE_ENDS = re.compile(r"(?<=[.!?]) +|\n")


def sentences_of_form(text: str) -> list[str] | None:
    """Every sentence, in order; None: the text has no such form."""
    lines = text.split("\n")
    if len(_TAG.findall(text)) >= _LEAST_TAGS:
        read = list(_of_html(text))
    elif sum(_is_frame(line) for line in lines) >= _LEAST_FRAMES:
        read = list(_of_error(lines))
    elif any(_HEAD.match(line) for line in lines):
        read = list(_of_mail(lines))
    else:
        return None
    parts = [part.strip() for one in read for part in _SENTENCE_ENDS.split(one)]
    return [part for part in parts if _PROSE.search(part) or _OTHER_SCRIPT.search(part)]


def _prose(code: str) -> Iterator[str]:
    return (match[0] for match in _PROSE.finditer(code))


def _of_html(text: str) -> Iterator[str]:
    """What is between the tags, line by line of the page, and then what reads like prose in tags and scripts."""
    shown, beside, at = list[str](), list[str](), 0
    for tag in _TAG.finditer(text):
        if tag.start() < at:
            continue
        shown.append(text[at : tag.start()])
        at = tag.end()
        if tag["comment"] is not None:
            beside.append(tag["comment"])
            continue
        beside += _prose(html.unescape(tag[0]))
        shown.append("\n" if _BLOCK.match(tag[0]) else " ")
        if _SCRIPT.fullmatch(tag[0]):
            end = _SCRIPT_ENDS.search(text, at)
            script = text[at : end.start() if end else len(text)]
            beside += _prose(script)
            at += len(script)
    shown.append(text[at:])
    yield html.unescape("".join(shown))
    yield from (html.unescape(one) for one in beside)


def _is_frame(line: str) -> bool:
    return _FRAME.match(line.strip()) is not None


def _of_error(lines: list[str]) -> Iterator[str]:
    """What is no frame; of frames and of the line of code below one what reads like prose."""
    is_code = False
    for line in lines:
        is_frame = _is_frame(line)
        if is_frame or (is_code and line.startswith("    ")):
            yield from _prose(line)
        else:
            yield line
        is_code = is_frame and line.lstrip().startswith("File ")


def _of_mail(lines: list[str]) -> Iterator[str]:
    """The subject, what reads like prose in other head lines, and the body without the marks of what is quoted."""
    body: list[str] = []
    for line in lines:
        head = _HEAD.match(line)
        if head is None:
            quote = _QUOTED.match(line)
            body.append(line[quote.end() :] if quote else line)
        elif head["told"]:
            yield head["value"]
        else:
            yield from _prose(head["value"])
    # A sentence goes on in the next line; a blank line ends it.
    yield from ("\n".join(body)).replace("\n\n", "\0").replace("\n", " ").split("\0")
