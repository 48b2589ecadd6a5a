"""What has a number and is no address: rooms, seats, flights, lines, cards, meters; and codes that only look like one.

A network that was taught addresses takes nearly every word beside a number for a street. A street has a name: what is
left without these words, days, months and codes is none.

Failure behaviour: pure and total. Linear in the length of what is asked about.
"""

import re

_THINGS = (
    "room rooms zimmer raum chambre salle habitación habitacion sala aula camera stanza kamer zaal quarto sal rum"
    " huone szoba pokój"
    " building gebäude gebaeude bâtiment batiment edificio gebouw prédio predio bloc block wing trakt"
    " seat seats platz sitz sitzplatz siège siege asiento posto stoel assento coach wagon wagen waggon voiture coche"
    " carrozza"
    " rijtuig carruagem train zug tren treno trein comboio ice tgv ave avant intercity regio flight flug vol vuelo"
    " volo vlucht voo"
    " flyg lento bus autobus tram metro subway line linie ligne línea linea lijn linha gate gates gleis platform"
    " bahnsteig quai"
    " andén anden binario spoor plataforma track terminal hall halle stand booth desk counter schalter table tisch"
    " tafel mesa"
    " tavolo row rows column zeile spalte colonne fila columna riga colonna regel kolom coluna page pages seite"
    " pagina página"
    " chapter kapitel section abschnitt paragraph article artikel articolo artículo step schritt option version model"
    " modell"
    " modèle modele modelo modello type typ size größe taille talla taglia maat tamanho scale score points level"
    " stufe niveau"
    " nivel livello tyre tyres tire tires reifen pneu pneus neumático gomme band banden card karte carte tarjeta"
    " kaart cartão"
    " ending endet ends endend terminant terminada termina code codes zip plz postleitzahl postal postcode codice"
    " código codigo"
    " kod postnummer cap cep number nummer numéro numero número meter zähler zählerstand compteur contador contatore"
    " lesung"
    " reading lot charge batch los partie grade klasse class classe clase team mannschaft channel kanal canal episode"
    " folge season"
    " staffel exam prüfung course kurs lesson locker schließfach packstation paketstation paketshop lotto lottery"
    " loto keno"
    " licence license plate kennzeichen plaque matrícula matricula targa kenteken wkn isin pnr lego galaxy iphone"
    " pixel ultra"
    " thinkpad airbus boeing playstation xbox windows info warn warning error debug trace fatal notice"
    " floor floors etage stock étage piso piano verdieping andar verse vers verso psalm req sqlstate ryzen geforce"
    " reihe saal büro office ufficio oficina bureau kantoor escritório pin pins gpio gen generation mark eurojackpot"
    " euromillions art abs colour color farbe couleur kleur colore cor takes seconds minutes hours days sekunden"
    " minuten stunden tage secondes heures jours segundos minutos horas días secondi minuti ore giorni stop stops"
    " halt haltestelle arrêt parada fermata halte paragem numbers zahlen dsgvo bgb stgb gdpr"
    " object"
    " cxx dxx and und for für per from the with lat lon lng port pid uid http https point dpi visitors users"
    " completion prompt tokens"
    " chmod umask cvss cve cwe npm node pip driver sku units items lines"
)
_DAYS = (
    "monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag samstag"
    " sonnabend"
    " sonntag lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes sábado"
    " domingo lunedì"
    " martedì mercoledì giovedì venerdì sabato domenica maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"
    " segunda"
    " terça quarta quinta sexta january february march april may june july august september october november december"
    " januar"
    " februar märz mai juni juli oktober dezember today tomorrow heute morgen uhr"
)
NUMBERED = frozenset(f"{_THINGS} {_DAYS}".split())
"""In lower case."""
_NAMES_TOO = frozenset({
    "mark", "domingo", "domenica", "booth", "gates", "hall", "page", "art", "april", "may", "june", "august",
})  # fmt: skip
_ITS_NUMBER = re.compile(r"\.? \d{1,4}(?!\d|[ ./-]\d)")
"""No telephone, as behind a name: "Mark 0171 2345678", "June, 555-2671"."""
_LETTERS = re.compile(r"[^\W\d_]{3,}")
_STREET = re.compile(
    r"(?i)(?:(?<![^\W\d_])(?:st|road|rd|av|ave|lane|ln|drive|dr|court|ct|square|sq|way|close|crescent|terrace|place|pl|blvd"
    r"|hwy|ring|rue|chemin|quai|impasse|route|calle|avda|plaza|paseo|carrer|camino|via|viale|piazza|corso|largo|strada"
    r"|rua|travessa|praça|estrada|tie|utca|ul|ulica|apt|suite|flat|unit|box)"
    r"|street|avenue|avenida|boulevard|highway|str|stra(?:ß|ss)e|gasse|weg|allee|allée|ufer|damm|laan|straat|plein|gracht|kade|gatan"
    r"|vägen|vej|vei|katu)\.?(?![^\W\d_])"
)
_CODE = re.compile(r"[A-Z]{3,4}")
_MODEL = re.compile(r"(?<![^\W_])[A-Z][A-Za-z]{0,3}\d\w{0,6}")
_HOUSE = re.compile(r"(?<![\w.])\d{1,6}[a-z]?(?!\w)")
"""A camera has a letter before its number, a house behind it."""
_ACRONYM = re.compile(r"[A-Z]{2,5}[ -]\d{1,10}\Z")
_AND_ACRONYM = re.compile(r"\d{1,4} [A-Z]{4,6}\Z")
_LONG_NUMBER = re.compile(r"[^\W\d_]+\.? \d{6,}\Z")
_SAME = re.compile(r"(.)\1+\Z")
_CALLED_CODE = re.compile(
    r"(?i)(?<![^\W_])(?:bic|swift(?:[ -]?code)?|pnr|iata|icao|buchungscode|booking(?: code| reference)?|(?:code "
    r"|rabatt-?|gutschein-?)?(?:promo|coupon|voucher|discount|code)(?:[ -]?code)?)\W{0,3}(?:is "
    r"|ist )?\Z"
)
_TECHNICAL = frozenset({
    "etag", "sha", "sha1", "sha256", "sha512", "md5", "jira", "segfault", "stdin", "stdout", "stderr",
    "localhost", "nginx", "redis", "postgres", "string", "integer", "boolean", "lodash", "axios", "webpack",
    "kubectl", "heslo", "lösenord", "salasana",
})  # fmt: skip
"""Words of programs, and for a password, that are nobody."""
_THING_BEFORE = re.compile(rf"(?i)(?<![^\W_])(?:{'|'.join(_THINGS.split())}) \Z")
_IN_CAPITALS = re.compile(r"[A-Z0-9]{5,11}\Z")


def names_of_places(text: str, start: int, end: int) -> list[str]:
    """The words of a finding that may be the name of a street or town."""
    if _ACRONYM.match(text, start, end) or _AND_ACRONYM.match(text, start, end) or _LONG_NUMBER.match(text, start, end):
        return []
    words = _LETTERS.findall(text, start, end)
    if _THING_BEFORE.search(text, max(0, start - 24), start) and text[start:end].islower():
        return []
    if _STREET.search(text, start, end) is not None and _HOUSE.search(text, start, end) is not None:
        return words  # of "12 Main St", "5 Hall Road" too
    if _MODEL.search(text, start, end) and _HOUSE.search(text, start, end) is None:
        return []
    return [
        word
        for word in words
        if word.lower() not in NUMBERED and not _SAME.match(word.lower()) and not _CODE.fullmatch(word)
    ]


def is_called_code(text: str, start: int, value: str) -> bool:
    """True for letters that a bank, an airline or an airport is told by."""
    word, end = value.lower(), start + len(value)
    if word in _NAMES_TOO:
        return _ITS_NUMBER.match(text, end) is not None
    if word in _TECHNICAL or (word in NUMBERED and any(map(str.isdigit, text[end : end + 9]))):
        return True
    return bool(_IN_CAPITALS.match(value)) and _CALLED_CODE.search(text, max(0, start - 32), start) is not None
