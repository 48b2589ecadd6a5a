"""Words whose letters were changed for digits or for one another: `1gn0r3 4ll`, `ingore all perivous`.

Both keep the length, so a place in the reading is the same place in the source. Only the letters of English attacks are
put back, and what that says is judged as any text is.

Failure behaviour: pure and total; linear in the length of the text.
"""

import re
from collections.abc import Mapping

_DIGITS = str.maketrans("43105$7@", "aeiossta")
# Whole words of at most twenty characters, so that going back costs no more than that.
_MIXED = re.compile(r"(?<![^\s\"'(,.;:!?])[A-Za-z4310$57@]{2,20}(?![^\s\"'),.;:!?])")
_BOTH = re.compile(r"[A-Za-z][4310$57@]|[4310$57@][A-Za-z]")
_LEAST = 3
"""Words with digits that must turn out to be known ones: names of models and order numbers are none."""
_WORD = re.compile(r"[A-Za-z]{5,16}")
_WORDS = """
the and you your are all is to of it as in my me this that must now any not no with from for have was were about
above act admin always answer before bypass command commands confidential configuration conversation data delete
developer directive directives disregard everything execute filter filters forget forward given guideline
guidelines hidden ignore ignoring initial instruction instructions jailbreak limits message mode never only
original override password pretend previous print prior prompt repeat reply respond restrictions reveal rule
rules safety secret send show start system tell text training translate unrestricted without words write
"""
_KNOWN = frozenset(_WORDS.split())
_BY_LETTERS: Mapping[str, str] = {
    word[0] + "".join(sorted(word[1:-1])) + word[-1]: word for word in sorted(_KNOWN) if len(word) > 4
}


def without_digits(text: str) -> str | None:
    """With letters for the digits in words of both; None where fewer than three of them are known words then."""
    if _BOTH.search(text) is None:
        return None
    known = 0

    def turned(match: re.Match[str]) -> str:
        nonlocal known
        word = match[0]
        if _BOTH.search(word) is None:
            return word
        letters = word.replace("11", "ll").translate(_DIGITS)
        known += letters.lower() in _KNOWN
        return letters

    said = _MIXED.sub(turned, text)
    return said if known >= _LEAST else None


def unscrambled(text: str) -> str | None:
    """With the letters inside known words put in order; None where none was out of order."""
    is_other = False

    def ordered(match: re.Match[str]) -> str:
        nonlocal is_other
        word = match[0]
        low = word.lower()
        right = _BY_LETTERS.get(low[0] + "".join(sorted(low[1:-1])) + low[-1], low)
        if right == low:
            return word
        is_other = True
        return right

    said = _WORD.sub(ordered, text)
    return said if is_other else None
