"""Words with probabilities → spans: names and surnames as one person, house, street and town as one address.

A model names the parts of an address and misses the glue: "Apt.", a comma, a state's two letters. What stands between
two parts of one address belongs to it, and a name's initials belong to the name.

Failure behaviour: pure and total. Linear.
"""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from thriftgate.privacy.recognizers.credential_words import PASSWORD_WORD
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.rampart.numbered import is_called_code, names_of_places
from thriftgate.stores.rampart.ordinary import PARTICLES, are_ordinary, is_listed_name, without_ordinary_words

KINDS: Mapping[str, frozenset[str]] = {
    "person": frozenset({"GIVEN_NAME", "SURNAME"}),
    "street": frozenset({"BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "ZIP_CODE"}),
    "place": frozenset({"CITY", "STATE"}),
}
"""Kinds of words by the labels of the network that they are made of."""
_PERSON, _STREET, _PLACE = range(3)


@dataclass(frozen=True, slots=True)
class ScoredWord:
    """A word of a text, and for each of `KINDS` how likely it is of that kind."""

    start: int
    end: int
    scores: tuple[float, ...]

    def moved(self, by: int) -> "ScoredWord":
        """The same word where the text has another beginning."""
        return ScoredWord(self.start + by, self.end + by, self.scores)


PERSON, ADDRESS, LOCATION = "PERSON", "ADDRESS", "LOCATION"
_SEED = 0.35
"""From this probability on a word is a part of an address."""
_NAME_SEED = 0.3
_SMALL_NAME_SEED = 0.7
"""A lone word in lower case is seldom a name."""
_BEGINS = re.compile(r"(?:^|[.!?¿¡\n])[\s\"'(\u201e\u201c«-]*\Z")
_MIDDLE = re.compile(r"(?<=[\w,;:)] )(?!I\b)[^\W\d_][^\W_]*")
"""A word that no sentence begins with."""
_GROW = 0.08
"""The same for a word beside one that is."""
_NAME_GLUE = re.compile(r"(?:[ '\u2019-]?|(?<=\b[^\W\d_])\. ?| [A-Z]\.? )\Z")
_SIGNS = r"[\s,.;#/()>?*|-]{0,8}"
_UNITS = (
    r"apt|apartment|suite|ste|unit|flat|floor|fl|box|room|rm|wohnung|top|piso|planta|puerta|p\.?o\.? ?box|postfach"
    r"|postbus|apdo|cs|bp|n[r°º]?|no|interno|int|scala|esc|bis|ter|psc|apo|fpo|dpo|aa|ae|ap|lok|m|[a-z]{2,3}"
    r"|[a-z]?\d{1,6}[a-z]?"
)
_ADDRESS_GLUE = re.compile(rf"{_SIGNS}(?:(?:{_UNITS})\b{_SIGNS}){{0,3}}\Z", re.IGNORECASE)
_TAIL = re.compile(
    r"(?:,? ?(?:apt|apartment|suite|ste|unit|flat|wohnung|piso|box)\.? ?#?\w{1,6}\b)?"
    r"(?:[,\s]{1,3}[A-Z]{2}\b(?! [a-z]))?(?:[,\s]{1,3}[A-Z]{0,2}-?\d{4,6}(?:-\d{3,4})?\b)?",
)
_POSTAL = re.compile(
    r"(?i:(?<!ip )(?<!mac )(?<!mail )address|adress|\b(?:my|our|his|her|meine?|unsere|mon|notre|mi|mio|nostro|mijn"
    r"|meu|minha|o meu) "
    r"(?:zip|post|plz|code postal|c[óo]digo|codice|cap\b|cep\b)"
    r"|anschrift|direcci[óo]n|indirizzo|endere[çc]o|morada|domicilio|live|wohn(?!ung)|street|stra(?:ß|ss)e|house|hausnummer)"
)
_POSTAL_WINDOW = 32
_LONGEST_WORD = 24
_NO_NAME_BEFORE = re.compile(r"://\Z|\w\.\Z")
_COLOUR = re.compile(r"#(?=\d*[A-Fa-f])[0-9A-Fa-f]{3,8}\b")
_NUMBERED = re.compile(r"[A-Z]{2}-?\d")
_IN_CODE = re.compile(r"\A[a-z]{2,}[A-Z]\w*\Z")
_FORMULA = re.compile(r"\A(?=.{3,5}\Z)(?=[A-Za-z]*[a-z])(?:[A-Z][a-z]?){2,4}(?<=[A-Z])\Z")
_SHORT_CAPITALS = re.compile(r"\A(?:[^\W\d_A-Z]{2,} [A-Z]{2,4}|[A-Z]{3} [^\W\d_A-Z]{3,})\Z")
_CREDENTIAL = re.compile(rf"(?i)(?<![^\W_])(?:{PASSWORD_WORD})(?![^\W_])")
_NOBODY = (_IN_CODE, _FORMULA, _SHORT_CAPITALS)
_MAX_GLUE = 32
_WORDS_AT_ONCE = 5_000
"""Words that are gone through before a pause."""
_COMPANY = re.compile(
    r",? (?:Inc|LLC|L\.L\.C|Ltd|Limited|GmbH|AG|KG|Corp(?:oration)?|Company|Co\.|Group|PLC|plc|S\.?A\.?|S\.?p\.?A"
    r"|B\.?V|N\.?V|Oy|AB|Bros|Brothers|Orchestra|Foundation|Institute|University|(?:and|&|und|et) Sons)\b"
)
_COMMON = frozenset(
    {"i", "hi", "hello", "dear", "mr", "mrs", "ms", "dr", "the", "a", "my", "me", "you", "thanks", "and"}
)
_NAME_WORD = re.compile(r"\S+")
_PAYMENT_WORDS = frozenset(
    {"swift", "sepa", "iban", "bic", "atm", "pin", "visa", "maestro", "paypal", "klarna", "venmo"}
)
"""Alone and not written as a name is, these are nobody."""


def spans_of(text: str, words: Sequence[ScoredWord]) -> list[TextSpan]:
    """PERSON, ADDRESS and LOCATION spans, in order; a place that is part of no address is a LOCATION."""
    return [span for span in span_steps(text, words) if span is not PAUSE]


def span_steps(text: str, words: Sequence[ScoredWord]) -> Iterator[TextSpan]:
    """The same one by one, with pauses between them."""
    yield from _people(text, words)
    yield from _addresses(text, words)


def _people(text: str, words: Sequence[ScoredWord]) -> Iterator[TextSpan]:
    capitals, relied_on = yield from _capitals_of(text)
    for run in _runs(text, words, (_PERSON,), _NAME_GLUE, seed=_NAME_SEED):
        if run is None:
            yield PAUSE
            continue
        start, end, score = run
        start, end = _without_small_words(text, *_trimmed(text, start, end))
        value = text[start:end]
        is_doubtful = score < _SMALL_NAME_SEED and (relied_on if value.islower() else capitals)
        if is_doubtful and not _is_written_as_name(text, start, value):
            continue
        start, end = somebody(text, start, end)
        value = text[start:end]
        if not _PAYMENT_WORDS.isdisjoint(value.lower().split()) and not any(map(str.istitle, value.split())):
            continue
        if value.islower() and (
            text[end : end + 1] in ("(", "-") or _NO_NAME_BEFORE.search(text, max(0, start - 3), start)
        ):
            continue  # a function, a server, the ending of a file's name
        if _COMPANY.match(text, end) or (score < _SMALL_NAME_SEED and value.islower() and " " not in value):
            continue
        if value and value.lower() not in _COMMON and any(character.isalpha() for character in value):
            yield TextSpan(start, end, PERSON, score, "rampart")


def somebody(text: str, start: int, end: int) -> tuple[int, int]:
    """What of a name is one; empty where it is nobody's."""
    return (start, start) if is_nobody(text, start, end) else without_ordinary_words(text, start, end)


def is_nobody(text: str, start: int, end: int) -> bool:
    """True for a gene, a model of a car, a bank, a variable, a key in a program, and for "keine TAN"."""
    value = text[start:end]
    if _NUMBERED.search(text, start, end + 1) or is_called_code(text, start, value):
        return True
    if text[end : end + 2] in ('":', "':") or any(one.search(value) for one in _NOBODY):
        return True
    if _CREDENTIAL.search(value) is None:
        return False
    # "Anna Rauch Passwort" has a user in front of the word.
    others = [word for word in value.split() if _CREDENTIAL.search(word) is None]
    is_full = len(others) > 1 and not are_ordinary(word.lower() for word in others)
    return not (is_full or any(map(is_listed_name, others)))


def _capitals_of(text: str) -> Generator[TextSpan, None, tuple[bool, bool]]:
    """`writes_capitals` and `relies_on_capitals` of a long text, with pauses."""
    writes, last = False, None
    for match in Scan(_MIDDLE, text, most=_WORDS_AT_ONCE):
        if match is None:
            yield PAUSE
            continue
        if not _has_capital(match[0]):
            continue
        writes = True
        if len(match[0]) > 1 and match[0].isupper():
            continue
        if last is not None and match.start() - last > 1:
            return True, True
        last = match.end()
    return writes, False


def writes_capitals(text: str) -> bool:
    """True where a word in the middle of a sentence has a capital."""
    return any(_has_capital(match[0]) for match in _MIDDLE.finditer(text))


def relies_on_capitals(text: str) -> bool:
    """True where two words or more in the middle of a sentence have capitals, so that a name would have them too.

    Words beside each other count as one ("New York"), and acronyms do not.
    """
    last = None
    for match in _MIDDLE.finditer(text):
        word = match[0]
        if not _has_capital(word) or (len(word) > 1 and word.isupper()):
            continue
        if last is not None and match.start() - last > 1:
            return True
        last = match.end()
    return False


def _has_capital(word: str) -> bool:
    """By the character's own case; a letter that has no other case, as in mathematics, says nothing."""
    first = word[0]
    return (first.isupper() or first.istitle()) and first.lower() != first


def _is_written_as_name(text: str, start: int, value: str) -> bool:
    """False for words in lower case, and for those after the first word of a sentence."""
    words = value.split()
    capital = [place for place, word in enumerate(words) if word[:1].isupper()]
    if capital != [0] or len(words) == 1:
        return bool(capital)
    if all(word in PARTICLES for word in words[1:]):
        return True
    return _BEGINS.search(text, max(0, start - 8), start) is None


def _addresses(text: str, words: Sequence[ScoredWord]) -> Iterator[TextSpan]:
    streets = [(word.start, word.end) for word in words if word.scores[_STREET] >= _SEED]
    place = 0
    for run in _runs(text, words, (_STREET, _PLACE), _ADDRESS_GLUE, seed=_SEED):
        if run is None:
            yield PAUSE
            continue
        start, end, score = run
        while place < len(streets) and streets[place][0] < start:
            place += 1
        is_address = place < len(streets) and streets[place][0] < end
        if is_address:
            # What stands on a line of its own above the street is who lives there.
            start = max(start, text.rfind("\n", start, streets[place][0]) + 1)
            end += len((_TAIL.match(text, end) or [""])[0])
        start, end = _trimmed(text, start, end)
        if end > start and _is_plausible(text, start, end):
            yield TextSpan(start, end, ADDRESS if is_address else LOCATION, score, "rampart")


def _is_plausible(text: str, start: int, end: int) -> bool:
    """False for a lone number, for what is counted, a lone word in lower case, and for digests."""
    parts = text[start:end].split()
    if any(len(part) > _LONGEST_WORD for part in parts) or _COLOUR.match(text, max(0, start - 1)):
        return False
    if names_of_places(text, start, end):
        return len(parts) > 2 or any(part[0].isupper() for part in parts)
    return _POSTAL.search(text[max(0, start - _POSTAL_WINDOW) : start]) is not None


def _runs(
    text: str, words: Sequence[ScoredWord], kinds: tuple[int, ...], glue: re.Pattern[str], *, seed: float
) -> Iterator[tuple[int, int, float] | None]:
    """Neighbouring words of some kinds, with at least one that is sure, over what `glue` lets stand between.

    None is a pause.
    """
    run: tuple[int, int, float] | None = None
    for place, word in enumerate(words, 1):
        if place % _WORDS_AT_ONCE == 0:
            yield None
        score = sum(word.scores[kind] for kind in kinds)
        # A sign is a part of nothing by itself: what may stand between two parts is for `glue` to say.
        if score < _GROW or not text[word.start].isalnum():
            continue
        if run is not None and word.start - run[1] <= _MAX_GLUE and glue.match(text, run[1], word.start):
            run = run[0], word.end, max(run[2], score)
            continue
        if run is not None and run[2] >= seed:
            yield run
        run = word.start, word.end, score
    if run is not None and run[2] >= seed:
        yield run


def _without_small_words(text: str, start: int, end: int) -> tuple[int, int]:
    """A full name in capitals without the words in lower case around it: they say what is with the person."""
    words = list(_NAME_WORD.finditer(text, start, end))
    capital = [place for place, word in enumerate(words) if word[0][0].isupper()]
    if len(capital) < 2:
        return start, end
    first, last = capital[0], capital[-1]
    while first > 0 and words[first - 1][0].lower() in PARTICLES:
        first -= 1
    end = words[last].end() if last + 1 < len(words) else end
    return words[first].start(), end


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and not (text[start].isalnum() or text[start] == "#"):
        start += 1
    while end > start and not (text[end - 1].isalnum() or (text[end - 1] == "." and text[end - 2 : end - 1].isupper())):
        end -= 1
    return start, end
