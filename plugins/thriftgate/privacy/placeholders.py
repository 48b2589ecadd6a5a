r"""Placeholders in a text, also as models change them: `<PERSON_1>`, `<Person 1>`, `<persona_1>`, `PERSON_1`.

A placeholder is a kind, a number and sometimes a letter (`<PERSON_1B>`: the same person, spelled differently). Only
those of a given set are found: any other text stays what it is, however much it looks like one. What a program
or a document may call its own is none: `<email1>`, `a<ip_1>b`, `person_1`, `<person_1>…</person_1>` so far as is seen.
`scan` decides from the left, and says "more" when the text ends before it is decided; so a stream can be cut anywhere.

Failure behaviour: pure and total. Linear: every decision looks at no more than 64 characters.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

LONGEST = 64
"""No spelling of a placeholder that is recognized has more characters; so many a stream holds back at most."""
_OPENINGS: Mapping[str, tuple[str, ...]] = {
    "<": (">", "&gt;", "\\u003e", "%3e"),
    "&lt;": ("&gt;", ">"),
    "&amp;lt;": ("&amp;gt;", "&gt;"),
    "\\u003c": ("\\u003e", ">"),
    "\\\\u003c": ("\\\\u003e",),
    "\\x3c": ("\\x3e", ">"),
    "%3c": ("%3e", ">"),
    "%253c": ("%253e", "%3e"),
    "\\<": ("\\>",),
    "\\\\<": ("\\\\>",),
    "&#60;": ("&#62;",),
    "&#060;": ("&#062;",),
    "&#x3c;": ("&#x3e;",),
    "\uff1c": ("\uff1e",),
    "\\uff1c": ("\\uff1e",),
}
_FIRST_SIGNS = frozenset(opening[0] for opening in _OPENINGS)
_DASHES = "-\u2010\u2011\u2012\u2013"
"""Models write the one that breaks no line, too."""
_SPACES = " \n\r\t\u00a0\u200b"
"""In brackets a line may end between the parts of a placeholder, in JSON as `\\n`."""
_ESCAPED_SPACES = ("\\n", "\\r", "\\t", "\\u00a0", "\\u200b", "\\u000a")
_MOST_SPACES = 2
TRANSLATED: Mapping[str, tuple[str, ...]] = {
    "person": ("persona", "personne", "pessoa", "persoon"),
    "address": ("adresse", "direccion", "dirección", "indirizzo", "adres", "endereco", "endereço", "morada"),
    "email_address": (
        "email", "e_mail", "mail", "e_mail_adresse", "email_adresse", "adresse_email", "adresse_e_mail", "correo",
        "correo_electronico", "correo_electrónico", "indirizzo_email", "emailadres", "e_mailadres", "endereco_email",
        "endereço_de_email", "emailaddress",
    ),
    "phone_number": (
        "phone", "telefon", "telefonnummer", "telephone", "téléphone", "numero_de_telephone", "numéro_de_téléphone",
        "telefono", "teléfono", "numero_de_telefono", "número_de_teléfono", "numero_di_telefono", "telefoonnummer",
        "telefone", "numero_de_telefone", "número_de_telefone", "phonenumber",
    ),
    "credit_card": (
        "kreditkarte", "carte_de_credit", "carte_de_crédit", "carte_bancaire", "tarjeta_de_credito",
        "tarjeta_de_crédito", "carta_di_credito", "creditcard", "cartao_de_credito", "cartão_de_crédito",
    ),
    "iban_code": ("iban",),
    "us_ssn": ("ssn",),
    "ip_address": ("ip", "ip_adresse", "adresse_ip", "direccion_ip", "dirección_ip", "indirizzo_ip", "ip_adres"),
    "secret": ("geheimnis", "secreto", "segreto", "segredo", "geheim"),
}  # fmt: skip
"""The kinds' names as models translate and shorten them; in brackets alone, with a sign before the number."""
_NUMERALS = "0123456789"
_MAX_DIGITS = 9
_BETWEEN = re.compile(r"\\(?:[nrt]|u00a0|u200b|u000a)|[^\w]|_")
LOOKED_BACK = 6
"""Characters before a bracket that say whether a word touches it: an escaped line's end (`\\n`, `\\u000a`) is none."""
_WORD_BEFORE, _ESCAPE_BEFORE = re.compile(r"[A-Za-z0-9_]\Z"), re.compile(r"\\(?:[nrtbf]|u[0-9a-fA-F]{4})\Z")
_WORD, _TAG_NAME = re.compile(r"[A-Za-z0-9_]"), re.compile(r"[\w.-]+")
_MOST_BACKSLASHES = 2
_MOST_SIGNS = 3
"""Between kind and number, in brackets: `<PERSON: 1>`, `<PERSON _1>`."""


class ScanOutcome(Enum):
    """What stands at a position of a text."""

    NOTHING = "nothing"
    FOUND = "found"
    MORE = "more"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The verdict on a position; `end` and `placeholder` mean something only when one was found."""

    outcome: ScanOutcome
    end: int = 0
    placeholder: str = ""


_NOTHING, _MORE = ScanResult(ScanOutcome.NOTHING), ScanResult(ScanOutcome.MORE)


def written(entity_type: str, number: int, variant: int = 0) -> str:
    """The placeholder as it is put into a text; the first spelling of a value has no letter, the second has B."""
    return f"<{entity_type}_{number}{variant_letters(variant)}>"


def variant_letters(variant: int) -> str:
    """Nothing for 0, then B to Z, AA, AB and so on."""
    if variant == 0:
        return ""
    letters = ""
    left = variant
    while left >= 0:
        letters = chr(ord("A") + left % 26) + letters
        left = left // 26 - 1
    return letters


_GAP = r"(?:\\(?:[nrt]|u00a0|u200b|u000a)|[_\s\u200b#:\\\u2010-\u2013-])"


def literal_numbers(text: str, entity_types: Iterable[str]) -> set[tuple[str, int]]:
    """Numbers that a text already uses as if they were placeholders; no value may get one of them."""
    lowered = text.lower()
    if not any(sign in lowered for sign in ("_", "<", "lt;", "60;", "3c", "\uff1c", "uff1c")):
        return set()
    found: set[tuple[str, int]] = set()
    for entity_type in entity_types:
        for place, name in enumerate((entity_type.lower(), *TRANSLATED.get(entity_type.lower(), ()))):
            if name.split("_")[0] not in lowered:
                continue
            name = name.replace("_", rf"{_GAP}{{1,{_MOST_SIGNS}}}")
            spelled = (
                rf"(?:<|\uff1c|uff1c|lt;|60;|3c;?){_GAP}{{0,3}}{name}s?{_GAP}{{0,{2 + _MOST_SIGNS}}}0*([0-9]{{1,9}})"
            )
            if place == 0:
                spelled = rf"{spelled}|(?<![a-z0-9_]){name}s?\\{{0,2}}_0*([0-9]{{1,9}})"
            for match in re.finditer(spelled, lowered):
                found.add((entity_type, int(next(number for number in match.groups() if number))))
    return found


class PlaceholderScanner:
    """Finds the given placeholders."""

    def __init__(self, placeholders: Iterable[str]) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._letters: dict[str, str] = {}
        firsts: set[str] = set()
        for placeholder in placeholders:
            entity_type, _, rest = placeholder.strip("<>").rpartition("_")
            self._known[entity_type.lower(), rest.lower()] = placeholder
            self._letters[entity_type.lower()] = _letters(entity_type)
            firsts.add(entity_type[0])
        types = {entity_type for entity_type, _ in self._known}
        self._types = sorted(types, key=lambda name: (-len(name), name))
        translated = {name: kind for kind in types for name in TRANSLATED.get(kind, ()) if name not in types}
        self._in_brackets = sorted(
            [*((name, name) for name in types), *translated.items()], key=lambda pair: (-len(pair[0]), pair)
        )
        self._start = re.compile(
            rf"<|\uff1c|&[lLaA#]|&\Z|\\[uUxX<\\]|\\\Z|%[23]|%\Z|(?<![A-Za-z0-9_])[{re.escape(''.join(sorted(firsts)))}]"
            if firsts
            else r"(?!)"
        )

    def __bool__(self) -> bool:
        return bool(self._known)

    def next_start(self, text: str, at: int) -> int:
        """Where the next placeholder could begin, from `at` on; the text's length when none does."""
        match = self._start.search(text, at)
        return match.start() if match else len(text)

    def scan(self, text: str, at: int, *, is_end: bool) -> ScanResult:
        """What stands at `at`. With `is_end` nothing follows the text, so the verdict is never MORE."""
        verdict = self._scan(text, at)
        if verdict.outcome is ScanOutcome.MORE and len(text) - at < LONGEST:
            return self._at_end(text, at) if is_end else _MORE
        return verdict if verdict.outcome is ScanOutcome.FOUND and verdict.end - at < LONGEST else _NOTHING

    def _scan(self, text: str, at: int) -> ScanResult:
        is_open = False
        for opening, closings in _OPENINGS.items() if text[at] in _FIRST_SIGNS else ():
            here = text[at : at + len(opening)].lower()
            if here == opening:
                return self._inner(text, at, _past_blanks(text, at + len(opening)), closings)
            is_open = is_open or (bool(here) and at + len(here) == len(text) and opening.startswith(here))
        if is_open:
            return _MORE
        return self._inner(text, at, at, ())

    def _inner(self, text: str, begin: int, at: int, closings: tuple[str, ...]) -> ScanResult:
        """Kind, number, letter and closing; without `closings` the end of the word closes.

        A kind's name that is not spelled as we spell it may be somebody's own: it needs a sign before the number, and
        brackets that are no markup.
        """
        verdict = _NOTHING
        for written_as, name in self._in_brackets if closings else ((name, name) for name in self._types):
            after, ran_out = _name_end(text, at, written_as, in_brackets=bool(closings))
            if ran_out:
                verdict = _MORE
            if after is None:
                continue
            is_ours = written_as == name and _letters(text[at:after]) == self._letters[name]
            if not (is_ours or closings):
                continue
            for start in _number_starts(text, after, in_brackets=bool(closings), is_ours=is_ours):
                if start is None:
                    verdict = _MORE
                    continue
                found = self._numbered(text, start, name, closings)
                if found.outcome is ScanOutcome.FOUND:
                    return found if is_ours else _unless_markup(text, begin, at, found)
                if found.outcome is ScanOutcome.MORE:
                    verdict = _MORE
        return verdict

    def _numbered(self, text: str, start: int, name: str, closings: tuple[str, ...]) -> ScanResult:
        end = start
        while end < len(text) and end - start < _MAX_DIGITS and text[end] in _NUMERALS:
            end += 1
        if end == start:
            return _MORE if end == len(text) else _NOTHING
        letters = end
        while letters < len(text) and letters - end < 3 and text[letters].isascii() and text[letters].isalpha():
            letters += 1
        if letters == len(text):
            return _MORE
        rest = text[start:letters].lower()
        placeholder = self._known.get((name, rest))
        if closings and placeholder is None:  # `<PERSON_01>`, `<PERSON_1s>`
            rest = rest.lstrip("0")
            placeholder = self._known.get((name, rest)) or self._known.get((name, rest.removesuffix("s")))
        if not closings:
            # A plural or possessive s belongs to the sentence, whatever it is attached to.
            is_over = not (text[letters].isalnum() or text[letters] == "_")
            return ScanResult(ScanOutcome.FOUND, letters, placeholder) if placeholder and is_over else _NOTHING
        if placeholder is None:
            return _NOTHING
        return _closed(text, _past_blanks(text, letters), closings, placeholder)

    def _at_end(self, text: str, at: int) -> ScanResult:
        """The verdict where nothing follows: a number that could be the beginning of a longer one stays as it is."""
        found = self._scan(text + "\0", at)
        if found.outcome is not ScanOutcome.FOUND or found.end < len(text):
            return found if found.outcome is ScanOutcome.FOUND else _NOTHING
        entity_type, _, rest = found.placeholder.strip("<>").lower().rpartition("_")
        has_longer = any(
            name == entity_type and other != rest and other.startswith(rest) for name, other in self._known
        )
        return _NOTHING if has_longer or text[max(0, at - 1) : at] == "<" else found


def _past_blanks(text: str, at: int) -> int:
    return _past(text, at, _SPACES, _MOST_SPACES)


def _past(text: str, at: int, signs: str, most: int) -> int:
    """Behind at most so many of these signs; a blank may be written as an escape."""
    for _ in range(most):
        if text[at : at + 1] and text[at] in signs:
            at += 1
        elif " " in signs and text[at : at + 1] == "\\":
            escape = next((one for one in _ESCAPED_SPACES if text[at : at + len(one)].lower() == one), None)
            if escape is None:
                rest = text[at : at + 6].lower()
                is_cut = at + len(rest) == len(text) and any(one.startswith(rest) for one in _ESCAPED_SPACES)
                return len(text) if is_cut else at
            at += len(escape)
        else:
            break
    return at


def _name_end(text: str, at: int, name: str, *, in_brackets: bool) -> tuple[int | None, bool]:
    """Where the name of a kind ends; None where it is not the name, with True where the text ended too early."""
    for letter in name:
        if at >= len(text):
            return None, True
        if letter == "_":
            before = at = _past_backslashes(text, at)
            is_sign = text[at : at + 1] in {*"_ -"}
            at = _past(text, at, f"_{_DASHES}{_SPACES}", _MOST_SIGNS) if in_brackets else at + is_sign
            if at >= len(text):
                return None, True
            if at == before:
                return None, False
            continue
        if text[at].lower() != letter:
            return None, False
        at += 1
    return at, False


def _number_starts(text: str, at: int, *, in_brackets: bool, is_ours: bool) -> Iterable[int | None]:
    """Where the number may begin behind the name: after a sign between, a plural s, or both; None: not yet known."""
    for plural in (0, 1):
        start = at
        if plural:
            if start < len(text) and text[start] not in "sS":
                continue
            start += 1
        if start >= len(text):
            yield None
            continue
        start = _past_backslashes(text, start)
        if start >= len(text):
            yield None
            continue
        first = start
        start = _past_signs(text, first, in_brackets=in_brackets)
        if start >= len(text):
            yield None
        elif text[start] in _NUMERALS and ((in_brackets and is_ours) or start > first):
            yield start


def _letters(name: str) -> str:
    """A kind's name without what stands between its words."""
    return _BETWEEN.sub("", name)


def _unless_markup(text: str, begin: int, inner: int, found: ScanResult) -> ScanResult:
    """What was found, but where a word touches its brackets, as in a comparison, or a closing tag follows."""
    before = text[max(0, begin - LOOKED_BACK) : begin]
    if _WORD_BEFORE.search(before) and not _ESCAPE_BEFORE.search(before):
        return _NOTHING
    if found.end >= len(text):
        return _MORE
    if _WORD.match(text, found.end):
        return _NOTHING
    # "\0" is where nothing follows (`_at_end`).
    window, ended, _ = text[found.end : begin + LONGEST - 1].lower().partition("\0")
    tag = _TAG_NAME.match(text, inner, found.end)
    if tag is not None and f"/{tag[0].lower()}" in window:
        return _NOTHING
    return found if ended or len(text) >= begin + LONGEST - 1 else _MORE


def _past_backslashes(text: str, at: int) -> int:
    """Markdown writes one before an underscore, and in JSON that is two."""
    end = at
    while end < len(text) and end - at < _MOST_BACKSLASHES and text[end] == "\\":
        if text[end + 1 : end + 2] in ("n", "r", "t", "u"):
            break
        end += 1
    return end


def _past_signs(text: str, at: int, *, in_brackets: bool) -> int:
    return _past(text, at, f"_#:{_DASHES}{_SPACES}", _MOST_SIGNS) if in_brackets else _past(text, at, "_", 1)


def _closed(text: str, at: int, closings: tuple[str, ...], placeholder: str) -> ScanResult:
    is_open = at >= len(text)
    for closing in closings:
        here = text[at : at + len(closing)].lower()
        if here == closing:
            return ScanResult(ScanOutcome.FOUND, at + len(closing), placeholder)
        is_open = is_open or (at + len(here) == len(text) and closing.startswith(here))
    return _MORE if is_open else _NOTHING
