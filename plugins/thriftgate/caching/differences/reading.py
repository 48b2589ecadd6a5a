"""What the guards and the features see of a question: its words, stems, numbers, names, dates and code.

Every expression here is tried on runs of at most `_LONGEST_RUN` characters without white space, or looks ahead a
bounded way, so that the time is linear in the text. Longer runs (hashes, encoded data) are one piece of code.

Failure behaviour: pure and total. A reading is kept of the last 512 short texts and the last 32 long ones, because
the same entries are compared again and again.
"""

import re
from dataclasses import dataclass

from thriftgate.caching.differences.lexicon import (
    CURRENCIES,
    DATES,
    FIRST_NEGATIONS,
    FOREIGN_NEGATIONS,
    FUNCTION_WORDS,
    LANGUAGE_MARKS,
    NEGATIONS,
    NO_DATES,
    OTHER_LANGUAGE_WORDS,
    SECOND_NEGATIONS,
)
from thriftgate.caching.differences.numerals import number_of
from thriftgate.caching.differences.remembering import Remembered

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|\w*\d[\w.,:/()-]*|[$€£¥]")
_NUMBER = re.compile(r"(?<!\S)[.,]\d[\w.,:/()-]*%?|#?\w*\d[\w.,:/()-]*%?|#?[A-Za-z]+-\d[\w-]*")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_CODE = re.compile(
    r"\b\w+(?:\.\w+)*\([^()\n]{0,200}\)|"  # calls
    r"\b[a-z]+_\w+\b|\b[a-z]+[A-Z]\w*\b|"  # snake_case, camelCase
    r"(?<!\S)(?:--[a-z][\w-]+|-[a-zA-Z])(?!\S)|"  # flags
    r"\b\w+\.(?i:py|js|ts|java|go|rs|rb|php|cpp|cs|c|h|r|sql|json|ya?ml|xml|toml|ini|cfg|csv|xlsx?|docx?|pptx?|pdf|md|txt|"
    r"log|sh|bat|exe|html?|css|png|jpe?g|gif|svg|zip|mp[34])\b|"
    r"\b[A-Z]\w*(?:Error|Exception)\b|https?://\S+|[\w.+-]+@[\w-]+\.\w+|[{}<>]=?|[=!]="
)
_SIGN_OF_CODE = re.compile(r"[(_@{}<>=]|(?<!\S)-|\.\w|://|[a-z][A-Z]|Error|Exception")
"""Where none of these stands, there is no code, and the search for it takes a fifth of a reading."""
_DIGIT = re.compile(r"\d")
_QUOTED_CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
_LONGEST_RUN = 80
_LONG_RUN = re.compile(rf"\S{{{_LONGEST_RUN + 1},}}")
LONGEST_QUESTION = 1_000
"""Characters of a question that may be answered with the answer to another one. The embedder sees about so many, and
what it does not see it cannot compare: longer questions have exact hits only."""
_SENTENCE_START = re.compile(r"(?:^|[.!?;:\n]|[\"(])\W{0,8}(\w+)")
# The month is a verb as well, so only a capital letter inside a sentence tells it.
_MAY = re.compile(r"(?<=[a-z\d,] )May\b")
_NAME = re.compile(r"\b[A-Z][^\W\d_]*(?:[A-Z][^\W\d_]*)*\b")
_TYPOGRAPHIC = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2011": "-", "\u2013": "-"})
_NOTHING = frozenset[str]()
_NOWHERE = frozenset[int]()
"""One for all readings: each that is empty would take 216 bytes."""
_ENOUGH_WORDS = 4
_MANY_WORDS = 6
_KNOWN_SHARE = 0.2
_NEAR_NEGATION = 4
"""Words within which the second word of one denial follows."""
_SAVED_BEHIND = frozenset({
    "como", "come", "dove", "onde", "quando", "cosa", "que", "che", "eu", "io", "ho", "ha", "hai", "abbiamo", "lo",
    "la", "li", "le", "já", "non", "não",
})  # fmt: skip
"""Behind them "salvo" is "I save" or "saved" in Italian and Portuguese, and no exception."""
_NO_EXCEPTIONS = frozenset({
    "erreur", "error", "erro", "errore", "errori", "imprevisti", "imprevisto", "imprevistos", "imprévu",
})  # fmt: skip
"""What "sauf" and "salvo" make a set phrase with: "sauf erreur"."""
_ELIDED = frozenset({"j", "n", "l", "d", "c", "s", "t", "m", "qu", "un", "dell", "all", "nell", "sull", "dall"})
"""What French and Italian write before an apostrophe, joined to the next word."""
_KNOWN_LETTERS = frozenset("àâäáãåæçéèêëíìîïñóòôöõœúùûüÿýßªº") - {"å"}
"""Letters beyond a to z of the languages with word lists."""
_FREQUENT = frozenset(word for marks in LANGUAGE_MARKS.values() for word in marks) | NEGATIONS


@dataclass(frozen=True, slots=True)
class Reading:
    """One question, taken apart. All words are lower case."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    """One for each word."""
    content: frozenset[str]
    """Stems of the words that carry meaning; negations are counted apart."""
    frame: frozenset[str]
    """`content` without names, dates and numbers: what kind of question it is."""
    numbers: tuple[str, ...]
    """Sorted; identifiers with digits count as numbers."""
    names: frozenset[str]
    """Capitalised words inside a sentence."""
    currencies: frozenset[str]
    dates: frozenset[str]
    denials: frozenset[int]
    """Places in `words` at which something is denied; a denial of two words stands at its first."""
    code: tuple[str, ...]
    """Sorted pieces of code, addresses and file names."""
    language: str
    """A language or script; empty when it cannot be told."""
    has_word_lists: bool
    """False for a text in none of the languages whose opposites, negations and numbers are known."""

    @property
    def negations(self) -> int:
        """How often something is denied."""
        return len(self.denials)


@Remembered
def read(question: str) -> Reading:
    """Take a question apart. About 60 µs for 20 words, nothing when it was read lately."""
    plain = question.translate(_TYPOGRAPHIC)
    text = _LONG_RUN.sub("", plain)
    words = tuple(word.lower() for word in _WORD.findall(text))
    stems = tuple(stem(word) for word in words)
    language = _language(text, words)
    days = {word: DATES[word] for word in words if word in DATES and word not in NO_DATES.get(language, ())}
    # A day is compared as a day: "Sundays" is no other name than "Sunday".
    names = _names(text).difference(days) or _NOTHING
    content = frozenset(stemmed for word, stemmed in zip(words, stems, strict=True) if _is_content(word))
    particular = frozenset(stem(word) for word in words if word in names or word in days or any(map(str.isdigit, word)))
    dates = set(days.values())
    if _MAY.search(text):
        dates.add("mai")
    return Reading(
        words=words,
        stems=stems,
        content=content,
        frame=content - particular if particular else content,
        numbers=_numbers(text, words),
        names=names,
        currencies=frozenset(CURRENCIES[word] for word in words if word in CURRENCIES) or _NOTHING,
        dates=frozenset(dates) or _NOTHING,
        denials=_denials(words) or _NOWHERE,
        code=tuple(sorted({*_QUOTED_CODE.findall(plain), *_LONG_RUN.findall(plain), *_pieces_of_code(text)})),
        language=language,
        has_word_lists=_has_word_lists(words),
    )


def stem(word: str) -> str:
    """A crude English stem: enough to see that "transferring" and "transfers" are one word."""
    word = word.removesuffix("'s")
    head, _, rest = word.partition("'")
    if head in _ELIDED and len(rest) > 1:
        word = rest  # "j'ai" and "n'ai" are forms of one verb, "l'alarme" is "alarme"
    if len(word) <= 3 or not word.isascii():
        return word
    for suffix in ("ing", "ied", "ies", "ed", "es", "s", "ly"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(suffix) + ("y" if suffix in ("ied", "ies") else "")
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "aeiou":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def _is_negation(word: str) -> bool:
    return word in NEGATIONS or word in FOREIGN_NEGATIONS or word.endswith("n't")


def _denials(words: tuple[str, ...]) -> frozenset[int]:
    """Where something is denied: "ne … pas" and "non … mai" deny it once."""
    found, open_until = set[int](), -1
    for place, word in enumerate(words):
        if word in SECOND_NEGATIONS and place <= open_until:
            open_until = -1
        elif _is_negation(word) and not (word in ("salvo", "sauf") and _is_no_exception(words, place)):
            found.add(place)
            open_until = place + _NEAR_NEGATION if word in FIRST_NEGATIONS else open_until
    return frozenset(found)


def _is_no_exception(words: tuple[str, ...], place: int) -> bool:
    before, behind = words[max(0, place - 1) : place], words[place + 1 : place + 2]
    return not _SAVED_BEHIND.isdisjoint(before) or not _NO_EXCEPTIONS.isdisjoint(behind)


def _is_content(word: str) -> bool:
    return len(word) > 1 and word not in FUNCTION_WORDS and not _is_negation(word)


def _pieces_of_code(text: str) -> list[str]:
    return _CODE.findall(text) if _SIGN_OF_CODE.search(text) else []


def _numbers(text: str, words: tuple[str, ...]) -> tuple[str, ...]:
    found = [_number(match) for match in _NUMBER.findall(text)] if _DIGIT.search(text) else []
    found.extend(number for word in words if (number := number_of(word)))
    return tuple(sorted(found))


def _number(match: str) -> str:
    plain = _GROUPED.sub("", match.lstrip("#").rstrip(".,:/-()")).replace("(", "").replace(")", "").upper()
    plain = f"0{plain}" if plain[:1] in (".", ",") else plain
    if plain.replace(".", "", 1).isdigit() and "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return plain


def _names(text: str) -> frozenset[str]:
    if text.isupper():
        return frozenset()
    starts = {match.start(1) for match in _SENTENCE_START.finditer(text)}
    return frozenset(
        match[0].lower()
        for match in _NAME.finditer(text)
        if match.start() not in starts and len(match[0]) > 1 and match[0].lower() not in FUNCTION_WORDS
    )


def _language(text: str, words: tuple[str, ...]) -> str:
    script = next((_script(char) for char in text if char.isalpha() and not char.isascii() and _script(char)), "")
    if script:
        return script
    counts = {language: sum(word in marks for word in words) for language, marks in LANGUAGE_MARKS.items()}
    (best, first), (_, second) = sorted(counts.items(), key=lambda item: -item[1])[:2]
    return best if first >= 2 and first > second else ""


def _has_word_lists(words: tuple[str, ...]) -> bool:
    """Whether enough of the words are frequent ones of a known language.

    A few words alone do not tell, unless one of them has a letter, or is a frequent word, of another language.
    """
    # One letter is a word in too many languages to tell any: "i" is Swedish for "in".
    known = sum(len(word) > 1 and (word in FUNCTION_WORDS or word in _FREQUENT) for word in words)
    others = sum(word in OTHER_LANGUAGE_WORDS for word in words)
    if others and others >= known:
        return False
    is_known_enough = known >= _KNOWN_SHARE * len(words)
    if any(map(_has_other_letter, words)) and not is_known_enough:
        return False
    if len(words) < _ENOUGH_WORDS:
        return True
    if all(map(str.isascii, words)):
        return known > 0 or len(words) < _MANY_WORDS
    return is_known_enough


def _has_other_letter(word: str) -> bool:
    """Whether a letter is of no alphabet that a known language is written in: "ł", "ğ", "ø"; signs are no letters."""
    return any(char.isalpha() and not char.isascii() and char not in _KNOWN_LETTERS for char in word)


def _script(char: str) -> str:
    code = ord(char)
    for name, low, high in (
        ("greek", 0x370, 0x3FF),
        ("cyrillic", 0x400, 0x52F),
        ("hebrew", 0x590, 0x5FF),
        ("arabic", 0x600, 0x6FF),
        ("devanagari", 0x900, 0x97F),
        ("thai", 0xE00, 0xE7F),
        ("kana", 0x3040, 0x30FF),
        ("han", 0x4E00, 0x9FFF),
        ("hangul", 0xAC00, 0xD7AF),
    ):
        if low <= code <= high:
            return name
    return ""
