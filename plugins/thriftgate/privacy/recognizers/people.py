"""Names of people where words say so: a title, an introduction or a salutation before them, or a common given name.

What a model makes of a rare name, or of one in the middle of a sentence of a language that it knows less well, is
uncertain; "Mrs." before it is not, and neither is "João Pereira", nor a full name below a closing or before what
somebody says in a chat. `given_names.txt` has some hundred common given names of each of the languages that the model
knows; alone such a name counts for nothing, as many are words, but in a field for one (`first_name`, `author`).
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from thriftgate.privacy.context import Context
from thriftgate.privacy.field_names import ANNOUNCED, fields, is_persons_name
from thriftgate.privacy.scanning import PAUSE, Scan
from thriftgate.privacy.spans import TextSpan

_NAME_WORD = (
    r"[^\W\d_a-zßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿšžłżśźćńąę][^\W\d_]*"
    r"(?:['\u2019-][^\W\d_]+)*"
)
_PARTICLE = r"(?:van|von|de|der|den|del|della|di|da|dos|du|la|le|ter|ten|zu|bin|al|el)(?= )"
_NAME = re.compile(rf"{_NAME_WORD}(?: (?:[^\W\d_]\.|{_PARTICLE}|{_NAME_WORD})){{0,4}}")
_TITLES = (
    r"(?:Mr|Mrs|Ms|Mx|Dr|Prof|Hr|Fr|Sr|Sra|Srta|Sig|Dott|Dhr|Mevr|Mme|Mlle)\.?|Herrn?|Frau|Se[ñn]ora?|Se[ñn]orita"
    r"|Signora?|Monsieur|Madame|Senhora?|Mevrouw|Meneer|Doctor|Professor"
)
_INTRODUCTIONS = (
    r"my name is|name's|i am called|mein name ist|ich hei(?:ß|ss)e|je m'appelle|mon nom est|me llamo|mi nombre es"
    r"|mi chiamo|il mio nome è|ik heet|mijn naam is|(?:o )?meu nome é|chamo-me|me chamo|nazywam się"
)
_SALUTATIONS = r"Dear|Liebe[r]?|Cher|Chère|Querid[oa]|Estimad[oa]|Car[oa]|Gentile|Beste|Geachte|Prezad[oa]"
_LEADS = re.compile(rf"(?<![\w])(?:{_TITLES}|(?i:{_INTRODUCTIONS})|{_SALUTATIONS})(?: |: ?)")
_CLOSINGS = (
    r"(?:(?:Kind|Best|Warm) )?Regards|Best|Cheers|Thanks|Sincerely|Yours(?: \w+){0,2}|MfG|VG|LG"
    r"|(?:Viele|Liebe|Beste) Grüße|Mit freundlichen Grüßen|Gruß|Cordialement|Bien à vous|Salutations|Merci"
    r"|Saludos|Atentamente|Un saludo|Gracias|(?:Cordiali|Distinti) saluti|Cordialmente|Saluti|Grazie"
    r"|Groet(?:en|jes)?|Met vriendelijke groet(?:en)?|Mvg|Bedankt"
    r"|(?:Com os melhores )?Cumprimentos|Atenciosamente|Obrigad[oa]|Abraços?"
)
_SIGNED = re.compile(rf"(?im)^[ \t]*(?:{_CLOSINGS})[,.!]?[ \t]*\r?\n(?:[ \t]*\r?\n)?[ \t]*(?=\S)")
"""The line above a signature."""
_TIME = r"(?:\d{1,4}[-./]\d\d?[-./]\d{1,4}[ T,]{1,2})?\d{1,2}:\d\d(?::\d\d)?"
_DAYTIME = rf"{_TIME}(?: ?[AaPp]\.?[Mm]\.?)?"
_SPEAKERS = re.compile(
    rf"(?m)^[ \t]*(?:[\[(]{_DAYTIME}[\])][ \t-]{{0,3}}|{_DAYTIME}[ \t]{{1,2}}[-\u2013][ \t]{{1,2}})(?=\S)"
)
"""The time before whoever speaks in a chat."""
_ENDS = re.compile(r",?[ \t]*(?:\r?\n|$)")
_SPEAKS = re.compile(r" ?:(?:\s|$)")
_NOBODY_SAYS = (
    "sir madam sirs customer customers team support service all friends colleagues hiring mr mrs ms dr dame herr frau",
    "damen kunde kundin kunden client clients equipo cliente clienti signori signora madame monsieur messieurs",
    "agent bot assistant system admin operator order sent from my the new date subject",
    "everyone diary god lord santa editor manager doctor professor not just the a in at from for to and or is it here",
)
_NOBODY = frozenset(word for line in _NOBODY_SAYS for word in line.split())
"""What follows such words and is nobody's name."""


_CAPITALISED = re.compile(rf"(?<![\w@./-]){_NAME_WORD}(?![\w@])")
_FULL_NAME = re.compile(rf" (?:(?:[^\W\d_]\.|{_PARTICLE}|{_NAME_WORD}) ){{0,2}}{_NAME_WORD}(?![\w@])")
_NO_SURNAMES = frozenset({
    "Street", "Road", "Avenue", "Lane", "Square", "Station", "Airport", "Hospital", "School", "University", "College",
    "Church", "Park", "Bridge", "Island", "Bank", "Day", "Airlines", "Hotel", "Inc", "Ltd", "LLC", "GmbH", "Group",
    "Company", "Foundation", "Award", "Prize", "Festival", "Cup", "League", "Act", "I", "The",
})  # fmt: skip
"""What makes something else of a given name before it."""
_IN_A_FIELD = 0.75
_MOST = 2_000
"""Words with a capital between two pauses: most are looked up and no more."""


@cache
def given_names() -> frozenset[str]:
    """Common given names, capitalised."""
    text = (files("thriftgate.privacy.recognizers") / "given_names.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


class PeopleRecognizer:
    """PERSON."""

    entity_type = "PERSON"

    def find(self, context: Context) -> Iterable[TextSpan]:
        """Every name that is announced."""
        for lead in Scan(_LEADS, context.text):
            if lead is None:
                yield PAUSE
                continue
            name = _NAME.match(context.text, lead.end())
            if name is None or name[0].split()[0].strip(".").lower() in _NOBODY or len(name[0]) < 2:
                continue
            # The title before a title ("Dear Mrs. Smith") is found by its own lead.
            yield TextSpan(name.start(), name.end(), self.entity_type, ANNOUNCED, "people")
        yield from self._standing_apart(context.text)
        yield from self._in_fields(context)
        known = given_names()
        for first in Scan(_CAPITALISED, context.text, most=_MOST):
            if first is None:
                yield PAUSE
                continue
            if first[0] not in known:
                continue
            rest = _FULL_NAME.match(context.text, first.end())
            if rest is not None and rest[0].split()[-1] not in _NO_SURNAMES:
                yield TextSpan(first.start(), rest.end(), self.entity_type, 0.7, "people")

    def _in_fields(self, context: Context) -> Iterator[TextSpan]:
        """What stands in a field for a name."""
        known = given_names()
        for field in fields(context):
            if field is None:
                yield PAUSE
            elif is_persons_name(context.text[field.start : field.end], field.kind, known):
                yield TextSpan(field.start, field.end, self.entity_type, _IN_A_FIELD, "people")

    def _standing_apart(self, text: str) -> Iterator[TextSpan]:
        """Full names below a closing and before what they say in a chat, where no sentence is around them."""
        for pattern, ending in ((_SIGNED, _ENDS), (_SPEAKERS, _SPEAKS)):
            for lead in Scan(pattern, text):
                if lead is None:
                    yield PAUSE
                    continue
                name = _NAME.match(text, lead.end())
                if name is None or not ending.match(text, name.end()):
                    continue
                words = name[0].split()
                if len(words) > 1 and words[-1] not in _NO_SURNAMES and not {one.lower() for one in words} & _NOBODY:
                    yield TextSpan(name.start(), name.end(), self.entity_type, 0.7, "people")
