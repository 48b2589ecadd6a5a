"""What the name of a field says of its value: a person, a place or a thing; of a JSON key or a column's heading.

A model of names that reads a single word has nothing to go by: it takes "Bern" for a person and passes over "Sibylle".
The name of its field knows. In a field for a place or a thing a short value is no person, unless a title says so or
more than a name stands there ("gift for Anna Meier"); in one for a part of a name it is one.

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
    return frozenset(text.casefold().split())


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
    "dipendente funcionário "
    # who does something for somebody
    "reporter reviewer approver manager supervisor boss director chairman chairwoman chairperson secretary creator "
    "requester requestor submitter signer signatory witness notary lawyer attorney solicitor judge nurse physician "
    "surgeon dentist therapist professor tutor coach trainer instructor mentor colleague coworker technician "
    "inspector auditor interviewer interviewee organizer organiser speaker presenter moderator editor caregiver "
    "caller landlord borrower lender insured claimant referrer policyholder accountholder "
    "arzt ärztin hausarzt hausärztin vorgesetzter vorgesetzte chef chefin leiter leiterin betreuer betreuerin "
    "sachbearbeiter sachbearbeiterin mitarbeiterin anwalt anwältin rechtsanwalt rechtsanwältin zeuge zeugin lehrer "
    "lehrerin schüler schülerin bewerber bewerberin fahrer fahrerin kollege kollegin verfasser verfasserin "
    "ersteller bearbeiter bearbeiterin antragsteller antragstellerin prüfer prüferin genehmiger melder "
    "verantwortlicher verantwortliche käufer käuferin verkäufer verkäuferin vermieter vermieterin mieterin "
    "versicherter versicherungsnehmer begünstigter unterzeichner teilnehmer teilnehmerin notfallkontakt "
    "médecin docteur responsable gestionnaire directeur directrice avocat avocate professeur enseignant "
    "enseignante élève étudiant étudiante conducteur conductrice chauffeur locataire propriétaire acheteur vendeur "
    "bénéficiaire témoin assuré signataire demandeur rédacteur relecteur approbateur employé employée salarié "
    "collègue patiente "
    "médico médica doctora jefe jefa gerente directora abogado abogada profesor profesora alumno alumna "
    "estudiante conductor inquilino propietario comprador vendedor beneficiario testigo firmante solicitante "
    "revisor aprobador autora empleada contacto "
    "medico dottore dottoressa responsabile capo direttore direttrice avvocato insegnante professore "
    "professoressa studente studentessa alunno conducente autista inquilino proprietario acquirente venditore "
    "testimone firmatario richiedente revisore approvatore collega contatto "
    "arts huisarts dokter leidinggevende advocaat leraar docent leerling bestuurder huurder verhuurder koper "
    "verkoper begunstigde getuige ondertekenaar aanvrager beoordelaar medewerker werknemer eigenaar "
    "responsável chefe diretor diretora advogado advogada motorista proprietário beneficiário testemunha "
    "signatário aprovador funcionária contato "
    # who is somebody's
    "kin father mother wife husband son daughter brother sister uncle aunt grandfather grandmother fiancé fiancée "
    "guardian partner vater mutter ehefrau ehemann ehepartner sohn tochter bruder schwester angehöriger angehörige "
    "partnerin lebensgefährte père mère mari épouse époux fils fille frère sœur soeur conjoint conjointe tuteur "
    "padre madre esposa esposo marido hijo hija hermano hermana cónyuge moglie marito figlio figlia fratello "
    "sorella coniuge tutore vader moeder echtgenote echtgenoot zoon dochter broer zus voogd pai mãe filho filha "
    "irmão irmã cônjuge"
)
_DONE = _words(
    "created updated modified changed edited written authored assigned approved reviewed reported requested "
    "submitted signed closed opened resolved uploaded deleted owned prepared checked verified authorized authorised "
    "completed handled recorded posted performed referred invited addressed reports added entered sent paid ordered "
    "erstellt geändert bearbeitet genehmigt geprüft gemeldet angelegt unterschrieben zugewiesen "
    "créé modifié approuvé vérifié signé rédigé assigné attribué "
    "creado modificado aprobado revisado firmado asignado "
    "creato modificato approvato verificato firmato assegnato "
    "gemaakt aangemaakt gewijzigd goedgekeurd beoordeeld ondertekend toegewezen "
    "criado modificado aprovado revisado assinado atribuído"
)
_BY_WHOM = _words("by to von an par à a por da door aan")
_NAMES = _words(
    "firstname lastname surname forename fullname givenname familyname middlename vorname nachname "
    "familienname rufname geburtsname mädchenname kundenname prénom prenom apellido apellidos cognome "
    "achternaam voornaam sobrenome apelido nombres fname lname mname"
)
_NAME = _words("name nom nombre nome naam")
_PERSONS = _PEOPLE | _NAME
_PART_OF_NAME = _words("first last given family middle maiden full birth legal preferred display complete")
_WHOLE_NAME = _words("complet complète completo completa entero intero volledige")
_SHOWN = 64
_NAME_WORDS = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[^\W\d_A-ZÀ-ÖØ-Þ])(?=[A-ZÀ-ÖØ-Þ])")
ANNOUNCED = 0.8
"""From this score on a title or an introduction says that it is somebody's name, whatever the field is called."""
_GUESSING = frozenset({"people", "rampart", "spacy", "foreign"})
"""Recognizers that tell people by what names look like; an operator's own patterns know what they are for."""
_ONE_WORD = re.compile(r"[^\W\d][\w-]{0,63}\Z")
_CELL_EDGE = " \t\"'\r`"
_MOST_WORDS = 5
_LONGEST_VALUE = 80
_SHORTEST_IN_CAPITALS = 4
_BESIDE = re.compile(r"[^\W_]+")
_MOST_BESIDE = 2
_OPEN_PLACES = _words(
    "san santa santo são sao saint sainte st ste sankt bad los las la le el new port mount fort rio río villa ciudad "
    "nova den"
)
"""What a name of several words begins with where it is a place's."""
_IN_PLACES = _words("de del della di da do dos das la le les el los las du des of upon on sur sous en am im ob der den")
"""Small words within the names of places ("Rio de Janeiro")."""
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
        *before, last = before
    if last in _WHOLE_NAME and not _NAME.isdisjoint(before):
        return FieldKind.NAME
    if last in _BY_WHOM and before and before[-1] in _DONE:
        return FieldKind.PERSON
    kinds = ((_NAMES, FieldKind.NAME), (_PERSONS, FieldKind.PERSON), (_PLACES, FieldKind.PLACE))
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
    said = field_kind(value)
    if said is FieldKind.NAME or words[-1].casefold() in _NAME or (said is kind and said is FieldKind.PERSON):
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
        if field is None or field.kind in (FieldKind.NAME, FieldKind.PERSON) or not _is_all(text, span, field):
            yield span
        else:
            yield replace(span, entity_type="LOCATION") if field.kind is FieldKind.PLACE else PAUSE


def _is_all(text: str, span: TextSpan, field: Field) -> bool:
    """Whether the span is (nearly) all that stands in the field: "Ems" in "Bad Ems", not Anna in "gift for Anna"."""
    if field.end - field.start > _LONGEST_VALUE or text.count(" ", field.start, field.end) >= _MOST_WORDS:
        return False
    beside = _BESIDE.findall(f"{text[field.start : span.start]} {text[span.end : field.end]}")
    if not beside:
        return True
    found = _BESIDE.findall(text[span.start : span.end])
    if len(found) > 1 and not (field.kind is FieldKind.PLACE and found[0].casefold() in _OPEN_PLACES):
        return False
    if field.kind is FieldKind.PLACE and text[field.start].isupper():
        beside = [word for word in beside if word not in _IN_PLACES]
    return len(beside) <= _MOST_BESIDE and all(word[0].isupper() or word.isdecimal() for word in beside)
