"""Addresses whose form says so: flats, post boxes, military post, house numbers with a street's own word.

The parts that a model most often leaves behind; what stands next to each other is joined later.
"""

import re
from collections.abc import Iterable

from thriftgate.privacy.context import Context
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan

_MILITARY = (
    r"(?:PSC \d{1,5},? Box \d{1,6}|Unit \d{1,6},? Box \d{1,6}|(?:USS|USNS|USNV|USCGC) [\w'-]{2,30})"
    r"[,\s]{1,3}(?:APO|FPO|DPO)[, ]{1,2}A[AEP][, ]{1,2}\d{5}(?:-\d{4})?"
)
_FLAT = r"(?:Apt|Apartment|Suite|Ste|Flat|Wohnung|Appartement|Piso)\b\.? ?#? ?\d{1,5}[A-Z]?\b"
_POST_BOX = (
    r"(?:P\.? ?O\.? ?Box|Postfach|Post Office Box|Apartado(?: de Correos)?|Casella Postale|Bo[îi]te Postale|Postbus)"
    r" ?\d[\d ]{0,7}\d?\b"
)
_STREET = (
    r"\d{1,6}[A-Z]?,? (?:(?:[NSEW]|North|South|East|West)\.? )?(?:[\w'.-]{1,30} ){1,4}?"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq|Terrace|Parkway"
    r"|Pkwy|Highway|Hwy|Crescent|Close)\b\.?(?! (?:week|day|month|year))"
)
_GERMAN = (
    r"[A-ZÄÖÜ][\w-]{2,30}(?:stra(?:ß|ss)e|str\.|weg|gasse|allee|platz|damm|ufer) ?\d{1,4} ?[a-z]?\b"
    r"(?:, ?\d{5} [A-ZÄÖÜ][\w-]{2,30})?"
)
_LATIN = (
    r"(?:\d{1,5}(?: (?:bis|ter))?,? )?(?:rue|avenue|boulevard|place|impasse|chemin|calle|avda\.?|avenida|plaza|paseo"
    r"|via|viale|piazza|corso|rua|travessa|praça|largo|C/)"
    r"(?: (?:de|del|della|delle|dei|di|da|do|dos|das|du|des|la|las|los|le|les|l'|d'|el)){0,6}"
    r"(?: [A-ZÀ-Ý][\w'\u2019-]{1,30}){1,4}(?:,? (?:n[º°.]? ?)?\d{1,5}(?: ?[a-z]\b)?)?"
)
_PATTERNS = (
    (re.compile(_MILITARY, re.IGNORECASE), 0.95),
    (re.compile(rf"(?<![\w]){_FLAT}", re.IGNORECASE), 0.75),
    (re.compile(rf"(?<![\w]){_POST_BOX}", re.IGNORECASE), 0.85),
    (re.compile(rf"(?<![\w.,$]){_STREET}"), 0.8),
    (re.compile(rf"(?<![\w]){_GERMAN}"), 0.85),
    (re.compile(rf"(?<![\w])(?:{_LATIN})"), 0.6),
)
_HAS_NUMBER = re.compile(r"\d")


class AddressRecognizer:
    """ADDRESS."""

    entity_type = "ADDRESS"

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every part of an address that has a number in it."""
        if not _HAS_NUMBER.search(context.text):
            return
        for pattern, score in _PATTERNS:
            for match in Scan(pattern, context.text):
                if match is None:
                    yield PAUSE
                    continue
                if _HAS_NUMBER.search(match[0]):
                    yield TextSpan(match.start(), match.end(), self.entity_type, score, "addresses")
