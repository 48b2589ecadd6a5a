"""What the name of a field says of its value: a person, a place or a thing; of a JSON key or a column's heading.

A model of names that reads a single word has nothing to go by: it takes "Bern" for a person and passes over "Sibylle".
The name of its field knows. In a field for a place or a thing a short value is no person unless a title says so; in
one for a part of a name it is one.

Failure behaviour: pure and total. Linear; of a name its last 64 characters are read.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from thriftgate.privacy.context import Context
from thriftgate.privacy.scanning import PAUSE
from thriftgate.privacy.spans import TextSpan


class FieldKind(Enum):
    """What stands in a field."""

    NAME = auto()
    """A name or a part of one, whatever it is made of."""
    PERSON = auto()
    """Somebody, or what else may be a customer or an author."""
    PLACE = auto()
    THING = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """The value of one field, without quotation marks."""

    kind: FieldKind
    start: int
    end: int


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PLACES = _words(
    "city cities town village municipality hometown birthplace place location country countries nation region "
    "state province county district canton continent origin destination departure arrival airport stadt ort "
    "ortschaft land gemeinde bundesland kanton kreis wohnort geburtsort lieferort heimatort zielort abflug "
    "ankunft ortsname städtename ville villes pays commune région departement département lieu ciudad ciudades "
    "país pais provincia municipio localidad región comarca città citta paese comune regione località localita "
    "stad plaats gemeente provincie woonplaats cidade cidades município localidade estado região distrito"
)
_THINGS = _words(
    "product products item article sku goods brand make model color colour colors colours shade material "
    "fabric size category subcategory language lang locale currency breed species fruit flavor flavour cuisine "
    "dish ingredient drink wine cheese car vehicle device month weekday day season unit theme font genre "
    "produkt ware artikel marke modell farbe farben kategorie sprache währung monat wochentag größe "
    "produktname artikelname markenname modellname produit couleur marque modèle modele catégorie categorie "
    "langue devise mois jour taille matière producto marca modelo categoría categoria idioma moneda mes día "
    "talla prodotto articolo colore modello lingua valuta mese taglia kleur merk kleuren taal maand dag maat "
    "produto artigo cor cores moeda mês dia tamanho"
)
_PEOPLE = _words(
    "person customer client user patient passenger guest cardholder holder contact author sender recipient "
    "owner employee member student teacher tenant buyer seller payee payer beneficiary assignee attendee "
    "participant subscriber visitor applicant candidate driver doctor spouse kunde kundin patientin absender "
    "empfänger ansprechpartner ansprechpartnerin mitarbeiter gast autor autorin inhaber karteninhaber "
    "kontoinhaber mieter nutzer klant gebruiker patiënt afzender ontvanger contactpersoon cliente usuario "
    "usuário utente paciente paziente pasajero passeggero passageiro titular titulaire titolare destinataire "
    "destinatario destinatário expéditeur remitente mittente remetente auteur autore utilisateur empleado "
    "dipendente funcionário"
)
_NAMES = _words(
    "firstname lastname surname forename fullname givenname familyname middlename vorname nachname "
    "familienname rufname geburtsname mädchenname kundenname prénom prenom apellido apellidos cognome "
    "achternaam voornaam sobrenome apelido nombres"
)
_NAME = _words("name nom nombre nome naam")
_PART_OF_NAME = _words("first last given family middle maiden full birth legal preferred display complete")
_WHOLE_NAME = _words("complet complète completo completa entero intero volledige")
_SHOWN = 64
_NAME_WORDS = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
ANNOUNCED = 0.8
"""From this score on a title or an introduction says that it is somebody's name, whatever the field is called."""
_GUESSING = frozenset({"people", "rampart", "spacy", "foreign"})
"""Recognizers that tell people by what names look like; an operator's own patterns know what they are for."""
_ONE_WORD = re.compile(r"[^\W\d][\w-]{0,63}\Z")
_CELL_EDGE = " \t\"'\r`"
_MOST_WORDS = 5
_LONGEST_VALUE = 80
_SHORTEST_IN_CAPITALS = 4
_CELLS_AT_ONCE = 500
_WRITTEN_AS_NAME = re.compile(
    r"(?:[^\W\d_]+(?:['\u2019.-]+[^\W\d_]+)*\.?)(?: [^\W\d_]+(?:['\u2019.-]+[^\W\d_]+)*\.?){0,4}\Z"
)
_COMPANY = re.compile(
    r"(?i)\b(?:inc|llc|ltd|limited|gmbh|ag|kg|ohg|ug|corp|corporation|company|co|group|plc|s\.?a|s\.?r\.?l|sarl|s\.?p\.?a"
    r"|b\.?v|n\.?v|oy|ab|bank|university|hospital|hotel|school|clinic|shop|store|team|support|service|department)\.?\Z"
)
_NO_NAMES = _words(
    "unknown none null nil na undefined anonymous anon guest admin administrator system user test tester "
    "example sample string text required optional yes no true false other others default empty missing "
    "redacted hidden all any everyone nobody bot assistant agent root unbekannt keine keiner anonym gast "
    "inconnu inconnue aucun anonyme desconocido ninguno anónimo sconosciuto nessuno anonimo onbekend geen "
    "anoniem desconhecido nenhum the"
)


def field_kind(name: str) -> FieldKind | None:
    """What a field of this name has in it; None: whatever."""
    words = [word.casefold() for word in _NAME_WORDS.findall(_HUMP.sub(" ", name[-_SHOWN:]))]
    if not words:
        return None
    *before, last = words
    if last in _NAME and before:
        if before[-1] in _PART_OF_NAME:
            return FieldKind.NAME
        last = before[-1]
    if last in _WHOLE_NAME and not _NAME.isdisjoint(before):
        return FieldKind.NAME
    kinds = ((_NAMES, FieldKind.NAME), (_PEOPLE | _NAME, FieldKind.PERSON), (_PLACES, FieldKind.PLACE))
    found = next((kind for listed, kind in kinds if last in listed), None)
    return found or (FieldKind.THING if last in _THINGS else None)


def fields(context: Context) -> Iterator[Field | None]:
    """The text as a field of its label, else the cells of a table whose headings say something; None is a pause.

    A text that is itself a field's name (an object's key) names no person.
    """
    if context.label:
        kind = field_kind(context.label)
        if kind is not None:
            yield _field(context.text, kind, 0, len(context.text))
    elif _ONE_WORD.match(context.text) and field_kind(context.text) is not None:
        yield Field(FieldKind.THING, 0, len(context.text))
    else:
        yield from _cells(context)


def _cells(context: Context) -> Iterator[Field | None]:
    known: dict[str, FieldKind | None] = {}
    for number, (heading, start, end) in enumerate(context.cells(), start=1):
        if number % _CELLS_AT_ONCE == 0:
            yield None
        if heading not in known:
            known[heading] = field_kind(heading)
        kind = known[heading]
        if kind is not None:
            yield _field(context.text, kind, start, end)


def _field(text: str, kind: FieldKind, start: int, end: int) -> Field:
    value = text[start:end]
    start += len(value) - len(value.lstrip(_CELL_EDGE))
    return Field(kind, start, max(start, end - (len(value) - len(value.rstrip(_CELL_EDGE)))))


def is_persons_name(value: str, kind: FieldKind, given_names: Iterable[str]) -> bool:
    """Whether what stands in a field is somebody's name."""
    if kind not in (FieldKind.NAME, FieldKind.PERSON) or not 1 < len(value) <= _LONGEST_VALUE:
        return False
    words = value.split(" ")
    if not _WRITTEN_AS_NAME.match(value) or _COMPANY.search(value):
        return False
    if field_kind(value) in (FieldKind.NAME, FieldKind.PERSON):
        return False  # what the field is called in another language: a form, a list of headings
    if any(word.casefold() in _NO_NAMES for word in words):
        return False
    if kind is FieldKind.NAME:
        return len(words) > 1 or (value[0].isupper() and not (value.isupper() and len(value) < _SHORTEST_IN_CAPITALS))
    return len(words) == 1 and value in given_names


def as_fields_say(spans: Iterable[TextSpan], within: Sequence[Field], text: str) -> Iterator[TextSpan]:
    """The spans without people in fields for places and things; a place is one. `within` is in order; with pauses."""
    starts = [one.start for one in within]
    for span in spans:
        if (
            span.entity_type != "PERSON"
            or span.recognizer not in _GUESSING
            or (span.recognizer == "people" and span.score >= ANNOUNCED)
        ):
            yield span
            continue
        place = bisect_right(starts, span.start) - 1
        field = within[place] if place >= 0 and span.end <= within[place].end else None
        if field is None or field.kind in (FieldKind.NAME, FieldKind.PERSON) or not _is_short(text, field):
            yield span
        else:
            yield replace(span, entity_type="LOCATION") if field.kind is FieldKind.PLACE else PAUSE


def _is_short(text: str, field: Field) -> bool:
    return field.end - field.start <= _LONGEST_VALUE and text.count(" ", field.start, field.end) < _MOST_WORDS
