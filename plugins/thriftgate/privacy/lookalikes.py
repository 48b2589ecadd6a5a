"""What has the shape of personal data and is none: identifiers, digests, versions, dates, amounts.

What is one thing from end to end (a UUID, a digest, a date) has no value in it, whatever a recognizer says. Of what is
only told by the word or the sign beside it (`EUR`, `version`, `ISBN`) that holds for a doubtful finding alone: a card
before "EUR" stays a card.

Failure behaviour: pure and total.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan

_UUID = r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
_DIGEST = r"(?<![0-9A-Za-z])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{24,128}(?![0-9A-Za-z])"
DATE_SHAPE = (
    r"(?<!\d)(?:19|20)\d\d(?P<first>[-/.])(?:0?[1-9]|1[0-2])(?P=first)(?:0?[1-9]|[12]\d|3[01])(?!\d)"
    r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
    r"|(?<!\d)(?:0?[1-9]|[12]\d|3[01])(?P<second>[-/.])(?:0?[1-9]|[12]\d|3[01])(?P=second)(?:19|20)\d\d(?!\d)"
)
"""The pattern of a date in figures, with its time when that follows."""
_MAC = r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![0-9A-Fa-f:-])"
_VERSION = (
    r"(?<![A-Za-z0-9])(?i:v|ver|version|release|rev|build|python|node|kernel|firmware|sdk|api)[ :=/@]{0,2}"
    r"(?!\d{3}\.\d{3}\.\d{4}(?!\d))\d{1,6}(?:\.\d{1,6}){1,5}(?:[-+][0-9A-Za-z.]{1,30})?"
)
"""Three, three and four digits are how telephone numbers are written."""
_NUMBERED = (
    r"(?<![A-Za-z0-9])(?i:"
    r"isbn(?:-?1[03])?[ :#]{0,3}(?:97[89][ -]?)?(?:\d[ -]?){9}[\dX](?![\dX])"
    r"|(?:ean|gtin|upc)(?:-?(?:8|1[2-4]))?[ :#]{0,3}(?:\d[ -]?){7}(?:(?:\d[ -]?){4,6})?\d(?![ -]?\d)"
    r"|issn[ :#]{0,3}\d{4}-?\d{3}[\dX](?![\dX])"
    r"|doi[ :#]{0,3}10\.\d{4,9}/[\w./()-]{1,60}"
    r"|arxiv[ :#]{0,3}\d{4}\.\d{4,5}(?!\d))"
)
_CURRENCIES = "usd|eur|gbp|chf|jpy|inr|sek|nok|dkk|kr|pln|zł|czk|kč|huf|aud|cad|brl"
_CURRENCY = rf"(?:[$€£¥₹]|(?i:\b(?:{_CURRENCIES}))\b|(?<=\d)(?i:{_CURRENCIES})\b)"
_AMOUNT = r"(?:[1-9]\d{0,2}(?:[., '\u2019]\d{3}){1,4}|0|[1-9]\d{0,8})(?:[.,]\d{1,2})?(?![.,'\u2019-]?\d)"
_MONEY = (
    rf"(?<!\d)(?<!\d ){_CURRENCY} ?{_AMOUNT}"
    rf"|(?<![\d+])(?<!\d[.,'\u2019 -]){_AMOUNT} ?{_CURRENCY}(?! ?\d)"
)
"""An amount has at most nine digits, or groups of three; between two numbers it is not known whose the currency is."""
_COORDINATE = r"-?(?:1[0-7]\d|\d{1,2})\.\d{3,12}"
_COORDINATES = rf"(?<![\d.]){_COORDINATE}[,; ]{{1,2}}(?:(?i:lon|lng|long|longitude)[:= ]{{1,2}})?{_COORDINATE}(?![\d.])"
_PRODUCT = r"(?<![A-Za-z0-9/])[A-Z][A-Za-z]{2,20}/\d{1,5}(?:\.\d{1,6}){1,4}(?![\w.])"
"""As clients name themselves: `Chrome/131.0.6778.86`."""
_QUANTITY = r"(?<![\w.,])\d[\d.,]{0,15} ?(?:[KMGT]i?B(?:/s)?|[kMG]?Hz|fps|rpm|dpi|k?Wh|mAh|ms|px)(?![\w])"
_FRACTION = r"(?<![\d.])\d{1,4}\.\d{12,20}(?![\d.])"
_CONTINENTAL = r"(?<![\d.,])\d{1,3}(?:\.\d{3}){1,4},\d{2}(?![\d.,])"
"""An amount, of whatever money: `1.299,00`."""
_TICKET = r"(?<![\w-])[A-Z]{3,10}-\d{2,7}(?![\w-])"
"""Of a tracker; a country's letters before a postcode are one or two."""
_DUMP = r"(?<!\w)[0-9a-f]{6,16}: {1,2}(?:[0-9a-f]{2,8} {1,2}){3,15}[0-9a-f]{2,8}(?!\w)"
_FILE_OF_A_COURT = (
    r"(?<!\w)(?:(?:Aktenzeichen|Az\.?|Gz\.?):? )?"
    r"(?:(?:BGH|BVerfG|BVerwG|BAG|BFH|BSG|OLG|LG|LAG|AG|VG|OVG|FG)[ ,]{1,2})?"
    r"(?:[IVX]{1,5}|\d{1,2}) [A-Z][A-Za-z]{0,3} \d{1,4}/\d{2}(?!\d)"
)
_PARCEL = (
    r"(?<![^\W_])(?i:fedex|dhl|ups|usps|gls|dpd|hermes|tnt|postnl|chronopost|colissimo)"
    r"(?: (?i:[a-z]{0,8}(?:track|sendung|paket|parcel|shipment|colis|pakket|paquete|pacco|encomenda|label|suivi)"
    r"[a-z]{0,12}|no|nr|id|code|num[a-z]{2,4})\.?){0,2}[ :#]{1,3}(?:\d{3,5} ?){2,6}(?![\w])"
)
"""No other word stands between: behind a driver's name is a telephone."""
_COUNT = (
    r"(?<![\w.,])\d{1,6} (?:errors?|warnings?|failures|files|tests|rows|items|lines|bytes|records|requests"
    r"|characters|digits|Zeichen|Ziffern|Stellen|caractères|chiffres|caracteres|caratteri|cifre|tekens|cijfers|dígitos)(?!\w)"
)
_LIMIT = r"(?<!\w)(?:min|max)(?:[A-Z_][A-Za-z_]{1,16})? ?[:=]? ?\d{1,6}(?![\w.])"
_COMMAND = (
    r"(?:(?<!\S)|(?<=[`$]))(?:docker|podman|kubectl|helm|npm|npx|yarn|pip|cargo|brew)"
    r" [a-z][a-z-]{1,15}(?: -{1,2}[a-z-]{1,20}){0,3}(?: [a-z0-9@:/._-]{1,100})?(?!\S)"
)
_OPTION = r"(?<!\S)--?[a-z][a-z-]{0,30}[ =]?\d[\d.:]{0,20}"

_WHOLE = re.compile("|".join(f"(?:{one})" for one in (_UUID, _MAC, DATE_SHAPE, _DIGEST)))
_TOLD = re.compile(
    "|".join(
        f"(?:{one})"
        for one in (
            _NUMBERED,
            _VERSION,
            _COORDINATES,
            _FRACTION,
            _MONEY,
            _OPTION,
            _PRODUCT,
            _QUANTITY,
            _CONTINENTAL,
            _TICKET,
            _DUMP,
            _FILE_OF_A_COURT,
            _PARCEL,
            _COUNT,
            _LIMIT,
            _COMMAND,
        )
    )
)
_NUMBERS = frozenset({"PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IP_ADDRESS"})
_SHAPED_LIKE_THEM = _NUMBERS | {"PERSON", "ADDRESS"}
"""Kinds that these are mistaken for; an IBAN proves itself by its checksum, a secret may well be a digest."""
_CERTAIN = 0.9
"""From this score on a number is what its recognizer says: it was named, or has a form of its own."""
_NUMBER_IN_IT = re.compile(r"\d{3}")
_MOST = 2_000
"""Matches between two pauses: they are put down and no more."""
_Places = tuple[list[int], list[int]]
"""Beginnings and ends, in order."""


def without_lookalikes(text: str, spans: Sequence[TextSpan]) -> list[TextSpan]:
    """The spans that do not lie inside something else."""
    return [span for span in sifted(text, spans) if span is not PAUSE]


def sifted(text: str, spans: Sequence[TextSpan]) -> Iterator[TextSpan]:
    """The same one by one, with pauses between them."""
    if not any(span.entity_type in _SHAPED_LIKE_THEM for span in spans):
        yield from spans
        return
    whole: _Places = [], []
    told: _Places = [], []
    yield from _note_places(_WHOLE, text, whole)
    yield from _note_places(_TOLD, text, told)

    def is_other(span: TextSpan) -> bool:
        if span.entity_type not in _SHAPED_LIKE_THEM:
            return False
        if span.entity_type == "PERSON" and _is_numbered(text, span, whole):
            return True
        if span.entity_type in ("PERSON", "ADDRESS") and _begins_inside(span, whole):
            return True
        is_doubtful = span.score < _CERTAIN or span.entity_type not in _NUMBERS
        if _is_inside(span, whole) or (is_doubtful and _is_inside(span, told)):
            return True
        return span.entity_type == "ADDRESS" and _is_made_of(text, span, told)

    for span in spans:
        yield PAUSE if is_other(span) else span


def _is_made_of(text: str, span: TextSpan, places: _Places) -> bool:
    """True for an address whose numbers are all something else's, and in which no capital letter names a place."""
    starts, ends = places
    at, rest = span.start, list[str]()
    for place in range(max(0, bisect_right(starts, span.start) - 1), bisect_left(starts, span.end)):
        if ends[place] > span.start:
            rest.append(text[at : max(at, starts[place])])
            at = max(at, ends[place])
    rest.append(text[at : span.end])
    return at > span.start and not any(
        character.isupper() or character.isdigit() for part in rest for character in part
    )


def _note_places(pattern: re.Pattern[str], text: str, places: _Places) -> Iterator[TextSpan]:
    """Put down where the matches begin and end."""
    for match in Scan(pattern, text, most=_MOST):
        if match is None:
            yield PAUSE
        else:
            places[0].append(match.start())
            places[1].append(match.end())


def _begins_inside(span: TextSpan, places: _Places) -> bool:
    """True where it begins in something else, as "ED joined" behind a MAC address does."""
    starts, ends = places
    place = bisect_right(starts, span.start) - 1
    return place >= 0 and starts[place] < span.start < ends[place]


def _is_numbered(text: str, span: TextSpan, places: _Places) -> bool:
    """True for capitals with a number ("JIRA OZO-6546"), and for what has something else in it ("sha256 038a7d…")."""
    if _NUMBER_IN_IT.search(text, span.start, span.end) and text[span.start : span.end].isupper():
        return True
    starts, ends = places
    place = bisect_left(starts, span.start)
    return place < len(starts) and ends[place] <= span.end


def _is_inside(span: TextSpan, places: _Places) -> bool:
    starts, ends = places
    place = bisect_right(starts, span.start) - 1
    return place >= 0 and span.end <= ends[place]
