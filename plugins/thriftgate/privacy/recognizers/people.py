"""Names of people where the words around them say so: after a title, an introduction, a salutation.

What a model makes of a rare name is uncertain; "Mrs." or "my name is" before it is not.
"""

import re
from collections.abc import Iterable

from thriftgate.privacy.context import Context
from thriftgate.privacy.spans import Span

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
_NOBODY_SAYS = (
    "sir madam sirs customer customers team support service all friends colleagues hiring mr mrs ms dr dame herr frau",
    "damen kunde kundin kunden client clients equipo cliente clienti signori signora madame monsieur messieurs",
    "everyone diary god lord santa editor manager doctor professor not just the a in at from for to and or is it here",
)
_NOBODY = frozenset(word for line in _NOBODY_SAYS for word in line.split())
"""What follows such words and is nobody's name."""


class PeopleRecognizer:
    """PERSON."""

    entity_type = "PERSON"

    def find(self, context: Context) -> Iterable[Span]:
        """Every name that is announced."""
        for lead in _LEADS.finditer(context.text):
            name = _NAME.match(context.text, lead.end())
            if name is None or name[0].split()[0].strip(".").lower() in _NOBODY or len(name[0]) < 2:
                continue
            # The title before a title ("Dear Mrs. Smith") is found by its own lead.
            yield Span(name.start(), name.end(), self.entity_type, 0.8, "people")
