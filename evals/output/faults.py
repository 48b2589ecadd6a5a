"""Ways in which models write almost-JSON, each applied to a correct text at a place drawn at random.

`FAULTS` can be undone in one way only. `LOSSES` cannot, or need luck: what is right is to say so.
"""

import json
import random
import re
from collections.abc import Callable
from typing import Any, cast

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
KEY = re.compile(r'"([A-Za-z_]\w*)"(\s*:)')
VALUE_STRING = re.compile(r':\s*"((?:[^"\\]|\\.){6,})"')


def fence(text: str, draw: random.Random) -> str:
    return f"```json\n{text}\n```"


def around(text: str, draw: random.Random) -> str:
    return f"Sure, here is the JSON you asked for:\n\n{text}\n\nLet me know if you need anything else."


def trailing_comma(text: str, draw: random.Random) -> str | None:
    return _at_random(re.compile(r'(?<=["\d\w\]}])\s*([}\]])'), text, draw, lambda found: f",{found[0]}")


def single_quotes(text: str, draw: random.Random) -> str | None:
    if "'" in text or '\\"' in text:
        return None
    return text.replace('"', "'")


def bare_keys(text: str, draw: random.Random) -> str | None:
    changed = KEY.sub(r"\1\2", text)
    return changed if changed != text else None


def comments(text: str, draw: random.Random) -> str | None:
    return _at_random(re.compile(r",\n"), text, draw, lambda found: ",  // as requested\n")


def python_words(text: str, draw: random.Random) -> str | None:
    outside = STRING.sub(lambda found: "\0" * len(found[0]), text)
    words = {"true": "True", "false": "False", "null": "None"}
    places = list(re.finditer(r"\b(?:true|false|null)\b", outside))
    if not places:
        return None
    pieces, at = list[str](), 0
    for found in places:
        pieces += [text[at : found.start()], words[found[0]]]
        at = found.end()
    return "".join([*pieces, text[at:]])


def missing_comma(text: str, draw: random.Random) -> str | None:
    return _at_random(re.compile(r",(\n)"), text, draw, lambda found: found[1])


def raw_newline(text: str, draw: random.Random) -> str | None:
    return _inside_string(text, draw, "\n")


def inner_quotes(text: str, draw: random.Random) -> str | None:
    found = [match for match in VALUE_STRING.finditer(text) if " " in match[1].strip() and '"' not in match[1]]
    if not found:
        return None
    match = draw.choice(found)
    words = match[1].split(" ")
    at = draw.randrange(len(words))
    if not words[at] or "\\" in match[1] or not words[at].isalnum():
        return None
    words[at] = f'"{words[at]}"'
    return text[: match.start(1)] + " ".join(words) + text[match.end(1) :]


def curly_quotes(text: str, draw: random.Random) -> str | None:
    if '\\"' in text or "\u201c" in text:
        return None
    return STRING.sub(lambda found: f"\u201c{found[0][1:-1]}\u201d", text)


def stray_closer(text: str, draw: random.Random) -> str:
    return text + draw.choice("}]")


def truncated(text: str, draw: random.Random) -> str:
    return text[: draw.randrange(max(1, len(text) // 5), len(text))].rstrip() or text[:1]


def lost_mark(text: str, draw: random.Random) -> str | None:
    """A quotation mark is missing, at either end of a string."""
    found = list(STRING.finditer(text))
    if not found:
        return None
    match = draw.choice(found)
    at = draw.choice((match.start(), match.end() - 1))
    return text[:at] + text[at + 1 :]


def lost_bracket(text: str, draw: random.Random) -> str | None:
    """A bracket is missing inside."""
    return _at_random(re.compile(r"(?<!^)[{}\[\]](?!$)"), text, draw, lambda found: "")


def lost_colon(text: str, draw: random.Random) -> str | None:
    return _at_random(re.compile(r":"), text, draw, lambda found: "")


def lost_value(text: str, draw: random.Random) -> str | None:
    """Not the last of a list: that would be a comma too many."""
    value = r'\s*(?:"+|[\w.+-]+)'
    pattern = re.compile(rf"(?<=:){value}(?=\s*[,}}])|(?<=[,\[]){value}(?=\s*,)")
    return _at_random(pattern, text, draw, lambda found: "")


def comma_lost_on_a_line(text: str, draw: random.Random) -> str | None:
    return _at_random(re.compile(r",(?!\n)"), text, draw, lambda found: "")


def double_comma(text: str, draw: random.Random) -> str | None:
    return _at_random(re.compile(r","), text, draw, lambda found: ",,")


def leading_zero(text: str, draw: random.Random) -> str | None:
    return _at_random(re.compile(r"(?<![\w.+-])\d+"), text, draw, lambda found: f"0{found[0]}")


def too_large_number(text: str, draw: random.Random) -> str | None:
    changed = _at_random(re.compile(r"(?<![\w.+-])-?\d+(?![\w.])"), text, draw, lambda found: f"{found[0]}1e400")
    return bare_keys(changed, draw) if changed is not None else None


def bare_string(text: str, draw: random.Random) -> str | None:
    """A string of one word without its quotation marks."""
    found = [
        match for match in STRING.finditer(text) if match[0][1:-1].isalpha() and text[match.end() :].lstrip()[:1] != ":"
    ]
    if not found:
        return None
    match = draw.choice(found)
    return text[: match.start()] + match[0][1:-1] + text[match.end() :]


def half_escaped(text: str, draw: random.Random) -> str | None:
    """A path of Windows with its backslashes as they are, of which some mean something in JSON."""
    return _inside_string(text, draw, "\\new\\docs")


def not_a_number(text: str, draw: random.Random) -> str | None:
    return _at_random(
        re.compile(r"(?<![\w.+-])-?\d+(?![\w.])"),
        text,
        draw,
        lambda found: draw.choice(("NaN", "Infinity", "undefined")),
    )


LOSSES: dict[str, Callable[[str, random.Random], str | None]] = {
    "lost mark": lost_mark,
    "lost bracket": lost_bracket,
    "lost colon": lost_colon,
    "lost value": lost_value,
    "comma lost on a line": comma_lost_on_a_line,
    "double comma": double_comma,
    "leading zero": leading_zero,
    "too large a number": too_large_number,
    "string without marks": bare_string,
    "half-escaped path": half_escaped,
    "no number": not_a_number,
}
FAULTS: dict[str, Callable[[str, random.Random], str | None]] = {
    "fence": fence,
    "text around": around,
    "trailing comma": trailing_comma,
    "single quotes": single_quotes,
    "bare keys": bare_keys,
    "comments": comments,
    "Python's words": python_words,
    "missing comma": missing_comma,
    "raw newline": raw_newline,
    "inner quotes": inner_quotes,
    "curly quotes": curly_quotes,
    "stray closer": stray_closer,
    "truncated": truncated,
}


def expected(fault: str, value: Any, broken: str) -> object:
    """What a repair must give: the value as it was, or as the fault made it inside its strings."""
    if fault == "raw newline":
        return json.loads(re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: found[0].replace("\n", "\\n"), broken))
    if fault == "inner quotes":
        return None
    return value


def is_prefix(part: object, whole: object) -> bool:
    """Whether a value is what had been written of another when its text broke off."""
    if isinstance(part, dict) and isinstance(whole, dict):
        named, other = cast("dict[str, object]", part), cast("dict[str, object]", whole)
        return all(name in other and is_prefix(value, other[name]) for name, value in named.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(cast("list[object]", part)) <= len(cast("list[object]", whole)) and all(
            is_prefix(one, other)
            for one, other in zip(cast("list[object]", part), cast("list[object]", whole), strict=False)
        )
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    return part == whole


def _at_random(
    pattern: re.Pattern[str], text: str, draw: random.Random, change: Callable[[re.Match[str]], str]
) -> str | None:
    outside = STRING.sub(lambda found: '"' * len(found[0]), text)
    found = list(pattern.finditer(outside))
    if not found:
        return None
    match = draw.choice(found)
    return text[: match.start()] + change(match) + text[match.end() :]


def _inside_string(text: str, draw: random.Random, words: str) -> str | None:
    found = [match for match in VALUE_STRING.finditer(text) if "\\" not in match[1]]
    if not found:
        return None
    match = draw.choice(found)
    at = draw.randrange(match.start(1) + 1, match.end(1))
    return text[:at] + words + text[at:]
