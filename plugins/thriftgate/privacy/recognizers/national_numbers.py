"""Numbers that states give to people and firms, where Presidio has none: by checksum, and by name where that is short.

Sources: ISO 7064 (mod 11,10) for the German Steuer-Identifikationsnummer; INSEE (97 less the remainder) for the French
NIR; the elfproef of the Dutch BSN; Autoridade Tributária (mod 11) for the Portuguese NIF; Receita Federal (two digits
mod 11) for the Brazilian CPF and CNPJ.

Failure behaviour: pure and total; linear.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from thriftgate.privacy.context import Context
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan


def _sum(digits: str, weights: Sequence[int]) -> int:
    """A letter counts as far as it is behind "0" in ASCII, as Receita Federal has it."""
    return sum((ord(digit) - 48) * weight for digit, weight in zip(digits, weights, strict=True))


def _is_german(digits: str) -> bool:
    counts = [digits[:10].count(digit) for digit in set(digits[:10])]
    if max(counts) not in (2, 3) or sum(count > 1 for count in counts) != 1:
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(digits[10])


def _is_french(number: str) -> bool:
    digits = number.upper().replace("2A", "19").replace("2B", "18")
    return digits.isdigit() and 97 - int(digits[:13]) % 97 == int(digits[13:])


def _is_dutch(digits: str) -> bool:
    return _sum(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and int(digits) > 0


def _is_portuguese(number: str) -> bool:
    digits = number.removeprefix("PT")
    check = 11 - _sum(digits[:8], (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return (digits[0] not in "04" or digits.startswith("45")) and (0 if check > 9 else check) == int(digits[8])


def _is_brazilian(digits: str, highest: int) -> bool:
    """Two digits at the end, each for all before it, by weights that end in 2 and begin again above `highest`."""
    if len(set(digits)) == 1:
        return False
    for at in (len(digits) - 2, len(digits) - 1):
        rest = _sum(digits[:at], [2 + place % (highest - 1) for place in reversed(range(at))]) % 11
        if (0 if rest < 2 else 11 - rest) != ord(digits[at]) - 48:
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Number:
    grouped: re.Pattern[str]
    """As it is written in groups: that and its checksum are enough."""
    plain: re.Pattern[str]
    """Digits alone."""
    names: re.Pattern[str]
    """What it is called; needed where it stands without groups."""
    is_valid: Callable[[str], bool]


def _number(grouped: str, plain: str, names: str, is_valid: Callable[[str], bool]) -> _Number:
    free = r"(?<![\w.,/-])(?:{})(?![\w]|[.,/-]\d)"
    made = [re.compile(free.format(one)) for one in (grouped, plain)]
    return _Number(made[0], made[1], re.compile(rf"(?<![^\W_])(?:{names})(?![^\W_])"), is_valid)


_SIGN = r"[ \u00a0\u2009\u202f./\u2010-\u2015-]?"
"""What may stand between any two digits beside the number's name; the checksum decides."""


def _digits(count: int, first: str = r"\d") -> str:
    return rf"{first}(?:{_SIGN}\d){{{count - 1}}}"


_NUMBERS: Mapping[str, _Number] = {
    "DE_TAX_ID": _number(
        r"[1-9]\d \d{3} \d{3} \d{3}", _digits(11, "[1-9]"),
        r"steuer-?id|steuer-?identifikationsnummer|steuerliche id\w*|idnr|tin|tax[ _-]?(?:id|number)", _is_german,
    ),
    "FR_NIR": _number(
        r"[12] \d\d \d\d (?:\d\d|2[ABab]) \d{3} \d{3} \d\d",
        rf"{_digits(5, '[12]')}{_SIGN}(?:{_digits(2)}|2{_SIGN}[ABab]){_SIGN}{_digits(8)}",
        r"nir|sécurité sociale|securite sociale|sécu|insee|numéro de sécu|social security", _is_french,
    ),
    "NL_BSN": _number(
        r"\d{3}\.\d{3}\.\d{3}|\d{4}\.\d{2}\.\d{3}", _digits(9),
        r"bsn|burgerservicenummer|sofi-?nummer|citizen service number", _is_dutch,
    ),
    "PT_NIF": _number(
        r"PT ?\d{9}", _digits(9),
        r"nif|contribuinte|número fiscal|numero fiscal|identificação fiscal", _is_portuguese,
    ),
    "BR_CPF": _number(
        r"\d{3}\.\d{3}\.\d{3}-\d{2}", _digits(11), r"cpf|cadastro de pessoas? físicas?",
        lambda one: _is_brazilian(one, 12),
    ),
    # Since July 2026 all but the check digits may be letters. A blank between letters is one between words.
    "BR_CNPJ": _number(
        r"[\dA-Z]{2}\.[\dA-Z]{3}\.[\dA-Z]{3}/[\dA-Z]{4}-\d{2}",
        rf"{_digits(14)}|[\dA-Za-z](?:[./\u2010-\u2015-]?[\dA-Za-z]){{11}}(?:[./\u2010-\u2015-]?\d){{2}}",
        r"cnpj|cadastro nacional da pessoa jurídica", lambda one: _is_brazilian(one.upper(), 9),
    ),
}  # fmt: skip
NATIONAL_KINDS = tuple(_NUMBERS)
_SIGNS = re.compile(_SIGN)


class NationalNumberRecognizer:
    """One of `NATIONAL_KINDS`."""

    def __init__(self, entity_type: str) -> None:
        self.entity_type = entity_type
        self._number = _NUMBERS[entity_type]

    def find(self, context: Context) -> Iterable[TextSpan]:
        """In groups anywhere, digits alone where they are named, or where their name follows."""
        for pattern, needs_name in ((self._number.grouped, False), (self._number.plain, True)):
            scan = Scan(pattern, context.text)
            for match in scan:
                if match is None:
                    yield PAUSE
                    continue
                start, end = match.span()
                # What is none may have the beginning of one in it.
                scan.at = start + 1
                if self._number.is_valid(_SIGNS.sub("", match[0])):
                    scan.at = end
                    is_named = self._number.names.search(context.near(start, end)) is not None
                    if is_named or not needs_name:
                        yield TextSpan(start, end, self.entity_type, 1.0 if is_named else 0.9, "national")
