"""What has the shape of personal data and is none: identifiers, digests, versions, dates, amounts.

Failure behaviour: pure and total.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence

from thriftgate.privacy.spans import TextSpan

_UUID = r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
_DIGEST = r"(?<![0-9A-Za-z])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{24,128}(?![0-9A-Za-z])"
_DATE = (
    r"(?<!\d)(?:19|20)\d\d(?P<first>[-/.])(?:0?[1-9]|1[0-2])(?P=first)(?:0?[1-9]|[12]\d|3[01])(?!\d)"
    r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
    r"|(?<!\d)(?:0?[1-9]|[12]\d|3[01])(?P<second>[-/.])(?:0?[1-9]|[12]\d|3[01])(?P=second)(?:19|20)\d\d(?!\d)"
)
_MAC = r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![0-9A-Fa-f:-])"
_VERSION = (
    r"(?<![A-Za-z0-9])(?i:v|ver|version|release|rev|build|python|node|kernel|firmware|sdk|api)[ :=/@]{0,2}\d{1,6}"
    r"(?:\.\d{1,6}){1,5}(?:[-+][0-9A-Za-z.]{1,30})?"
)
_ISBN = r"(?i:isbn|ean|gtin|upc|issn|doi|arxiv)(?:-?1[03])?[ :#]{0,3}[\d][\d ./Xx-]{6,24}"
_CURRENCY = r"(?:[$€£¥₹]|(?i:usd|eur|gbp|chf|jpy|inr)\b)"
_MONEY = rf"{_CURRENCY} ?\d[\d.,']{{0,20}}|\d[\d.,']{{0,20}} ?{_CURRENCY}"
_COORDINATES = r"(?<![\d.])-?\d{1,3}\.\d{3,12}[,; ]{1,2}-?\d{1,3}\.\d{3,12}(?![\d.])"

_PATTERN = re.compile(
    "|".join(f"(?:{one})" for one in (_UUID, _MAC, _DATE, _ISBN, _VERSION, _COORDINATES, _MONEY, _DIGEST))
)
_SHAPED_LIKE_THEM = frozenset({"PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "PERSON", "ADDRESS"})
"""Kinds that these are mistaken for; an IBAN proves itself by its checksum, a secret may well be a digest."""


def without_lookalikes(text: str, spans: Sequence[TextSpan]) -> list[TextSpan]:
    """The spans that do not lie inside something else."""
    if not spans:
        return []
    others = [(match.start(), match.end()) for match in _PATTERN.finditer(text)]
    if not others:
        return list(spans)
    starts = [start for start, _ in others]

    def is_inside(span: TextSpan) -> bool:
        place = bisect_right(starts, span.start) - 1
        return place >= 0 and span.end <= others[place][1]

    return [span for span in spans if span.entity_type not in _SHAPED_LIKE_THEM or not is_inside(span)]
