"""Payment cards: 12 to 19 digits of a known issuer range whose Luhn checksum holds.

Source of the ranges: ISO/IEC 7812 issuer identification numbers, as published by the schemes.
"""

import re
from collections.abc import Generator, Iterable

from thriftgate.privacy.context import AN_ID, Context
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan

_CHAIN = re.compile(r"(?<!\d)\d+(?:(?: ?[-./_] ?| {1,2}| ?(?:[-./_] ?)?\r?\n(?:> ?)? {0,2}(?:[-./_] ?)?)\d+){0,100}")
"""Groups of digits with one separator between them, at the end of a line too; `_` is how code writes large numbers."""
_GROUP = re.compile(r"\d+")
_BREAK = re.compile(r"([ -]?)\r?\n(?:> ?)? {0,2}")
_RANGES: tuple[tuple[int, int, frozenset[int]], ...] = (
    # first prefix, last prefix (of as many digits), lengths; narrower ranges first
    (1, 1, frozenset({15})),  # UATP: only where a card is spoken of
    (2131, 2131, frozenset({15})),
    (1800, 1800, frozenset({15})),
    (2200, 2204, frozenset({16, 17, 18, 19})),
    (2205, 2220, frozenset({16})),
    (2221, 2720, frozenset({16})),
    (3528, 3589, frozenset({16, 17, 18, 19})),
    (3841, 3841, frozenset({16, 19})),
    (300, 305, frozenset({14, 15, 16, 17, 18, 19})),
    (3095, 3095, frozenset({14, 15, 16, 17, 18, 19})),
    (34, 34, frozenset({15})),
    (37, 37, frozenset({15})),
    (36, 36, frozenset({14, 15, 16, 17, 18, 19})),
    (38, 39, frozenset({14, 15, 16, 17, 18, 19})),
    (4, 4, frozenset({13, 16, 18, 19})),
    (51, 55, frozenset({16})),
    (50, 50, frozenset(range(12, 20))),
    (56, 58, frozenset(range(12, 20))),
    (60, 69, frozenset(range(12, 20))),
    (81, 82, frozenset({16, 17, 18, 19})),
    (8600, 8600, frozenset({16})),
    (9792, 9792, frozenset({16})),
    (9860, 9860, frozenset({16})),
)
_CARD_WORDS = re.compile(
    r"(?:\b|\bset)(?:card|carte|cart[ãa]o|tarjeta|karte|kreditkarte|carta|kaart|pasnummer|credit|debit|visa"
    r"|master ?card|amex|maestro|primary[ _-]?account|"
    r"pan|cc|ccn|cvv|cvc|payment|zahlung|paid|charge)"
)
_OTHER_WORDS = re.compile(
    r"(?:(?:order|bestell\w*|pedido|ordine|commande|tracking|invoice|rechnung|factura|facture|ticket|reference"
    r"|transaction|shipment|parcel|serial|timestamp|session|request|customer"
    r"|(?<!primary)(?<!primary[ _-])account|kunden\w*"
    r"|(?<![^\W_])(?:track|case|ref|txn|sku|ean|gtin|barcode|strichcode|upc|isbn|imei|epoch|build|uid|trace))"
    rf"(?:[ _-]?(?:no|nr|num|number|nummer|code|id|key))?|{AN_ID}|\barn:[\w-]{{0,12}}:[\w-]{{1,20}}:[\w-]{{0,20}})"
    r"(?:\W{1,3}(?:is|was|ist|lautet|est|es|è|é))?\W{0,6}\Z"
)
_GROUPED = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?\Z|\d{4}([ -])\d{6}\2\d{5}\Z")
"""As it stands on the card."""
_LONG_GROUP = re.compile(r"\d{7}")
"""No card is written so: "6566163 200 771" is of a log."""
_MOST_GROUPS = 7
_GROUPS_AT_ONCE = 100
"""A longer chain is read in parts, each of which begins where in the one before a card's groups would not all be."""
_COMMON_LENGTHS = frozenset({15, 16})
_CERTAIN, _GROUPED_SCORE, _LIKELY = 1.0, 0.9, 0.7


class CardRecognizer:
    """CREDIT_CARD."""

    entity_type = "CREDIT_CARD"

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every card number; one after the word for another kind of number counts only when a card is spoken of."""
        scan = Scan(_CHAIN, context.text)
        for chain in scan:
            if chain is None:
                yield PAUSE
                continue
            if chain.end() - chain.start() < 12:
                continue
            groups = [(chain.start() + one.start(), chain.start() + one.end()) for one in _GROUP.finditer(chain[0])]
            first = yield from self._in_chain(context, groups)
            if first < len(groups):  # a chain that goes on
                scan.at = groups[first][0]
                yield PAUSE

    def _in_chain(self, context: Context, groups: list[tuple[int, int]]) -> Generator[TextSpan, None, int]:
        """The cards that begin in these groups; returns the first group at which more of them has to be seen."""
        first = 0
        while first < (len(groups) if len(groups) <= _GROUPS_AT_ONCE else _GROUPS_AT_ONCE + 1 - 2 * _MOST_GROUPS):
            found = self._at(context, groups, first)
            if found is None:
                first += 1
                continue
            # "50 5131-3231-1292-0001" is no card of fourteen digits, although their checksum holds by chance.
            others = (self._at(context, groups, later) for later in range(first + 1, found[0] + 1))
            last, span = max((found, *(other for other in others if other)), key=lambda one: _rank(context, one[1]))
            yield span
            first = last + 1
        return first

    def _at(self, context: Context, groups: list[tuple[int, int]], first: int) -> tuple[int, TextSpan] | None:
        """The longest card that begins with this group, and its last group."""
        best: tuple[int, TextSpan] | None = None
        digits = ""
        for last in range(first, len(groups)):
            digits += context.text[slice(*groups[last])]
            if len(digits) > 19 or last - first >= _MOST_GROUPS:
                break
            if context.text.count("\n", groups[first][0], groups[last][0]) > 1:  # a column of numbers
                break
            if len(digits) < 12 or not is_card(digits):
                continue
            score = self._score(context, groups[first][0], groups[last][1], digits)
            if score:
                best = last, TextSpan(groups[first][0], groups[last][1], self.entity_type, score, "cards")
        return best

    def _score(self, context: Context, start: int, end: int, digits: str) -> float:
        if _CARD_WORDS.search(context.near(start, end)):
            return _CERTAIN
        if digits[0] == "1" and not digits.startswith("1800"):
            return 0.0
        length = len(digits)
        written = _BREAK.sub(r"\1", context.text[start:end])
        if _GROUPED.match(written):
            return _GROUPED_SCORE
        if _OTHER_WORDS.search(context.closest(start)):
            return 0.0
        if length not in _COMMON_LENGTHS and not written.isdigit() and _LONG_GROUP.search(written):
            return 0.0
        # One number in ten passes Luhn: of the unusual lengths only what is grouped like a card is taken for one.
        return _LIKELY if length in _COMMON_LENGTHS or length == 19 or not written.isdigit() else 0.4


def _rank(context: Context, span: TextSpan) -> tuple[float, bool, int]:
    """Of cards that share digits: the surer one, the one as it stands on a card, the one that ends later."""
    return span.score, _GROUPED.match(context.text[span.start : span.end]) is not None, span.end


def is_card(digits: str) -> bool:
    """True for a known range of this length with a valid checksum, unless all digits are the same."""
    return _has_range(digits) and len(set(digits)) > 1 and luhn_holds(digits)


def _has_range(digits: str) -> bool:
    return any(len(digits) in lengths and low <= int(digits[: len(str(low))]) <= high for low, high, lengths in _RANGES)


def luhn_holds(digits: str) -> bool:
    """The checksum of ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
