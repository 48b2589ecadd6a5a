"""Labelled texts: public sets from THRIFTGATE_DATA, and messages of support in seven languages with made-up names."""

import csv
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text with (start, end, kind); findings on kinds in `also` are no mistakes."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    also: frozenset[str] = frozenset()


def data_folder() -> Path | None:
    """Where the public sets are; None when they are not."""
    folder = Path(os.environ.get("THRIFTGATE_DATA") or _ROOT.parent.parent / "shared" / "data")
    return folder if (folder / "presidio_synth").is_dir() else None


def read_named(folder: Path) -> dict[str, tuple[str, list[Labelled]]]:
    """Name of the set → the kind that is measured on it, and its texts."""
    kinds = {"STREET_ADDRESS": "ADDRESS", "ZIP_CODE": "ZIP"}
    synth = [
        Labelled(
            one["full_text"],
            tuple(
                (s["start_position"], s["end_position"], str(kinds.get(s["entity_type"], s["entity_type"])))
                for s in one["spans"]
            ),
            frozenset({"ZIP"}),
        )
        for one in json.loads((folder / "presidio_synth" / "synth_dataset_v2.json").read_text(encoding="utf-8"))
    ]
    return {
        "Presidio's synthetic set": ("PERSON", synth),
        "Presidio's synthetic set, streets": ("ADDRESS", synth),
        "WNUT-17, tweets": ("PERSON", _lines(folder / "ner_wnut17_en" / "dev_test.jsonl", {"person": "PERSON"})),
        "PUD, German news": ("PERSON", _lines(folder / "ner_pud_de" / "test.jsonl", {"PER": "PERSON"})),
        "MEDDOCAN, Spanish (50 documents)": (
            "PERSON",
            _lines(
                folder / "meddocan_es" / "train200.jsonl",
                {"NOMBRE_SUJETO_ASISTENCIA": "PERSON", "NOMBRE_PERSONAL_SANITARIO": "PERSON"},
            )[:50],
        ),
    }


def _lines(path: Path, kinds: dict[str, str]) -> list[Labelled]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Labelled(
            row["text"], tuple((s["start"], s["end"], str(kinds.get(s["label"], s["label"]))) for s in row["spans"])
        )
        for row in rows
    ]


def read_banking(folder: Path, count: int) -> list[str]:
    """Questions of BANKING77's test half, in which nothing is personal."""
    with (folder / "banking77" / "test.csv").open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)][:count]


_NAMES = {
    "en": ("Emily Carter", "James O'Neill", "Grace Whitfield", "Oliver Hughes", "Priya Nair", "Tom Becket"),
    "de": ("Jürgen Vogel", "Anke Schröder", "Lukas Baumann", "Heike Wörner", "Yusuf Demir", "Franziska Lenz"),
    "fr": ("Jean Dupont", "Amélie Rousseau", "Hugo Lefèvre", "Chantal Moreau", "Karim Benali", "Élodie Garnier"),
    "es": ("Carlos Ruiz", "María Fernández", "Lucía Ortega", "Javier Molina", "Íñigo Arana", "Pilar Navarro"),
    "it": ("Giulia Conti", "Marco Ferrari", "Paolo Ricci", "Chiara Gallo", "Elisa Marchetti", "Davide Bruno"),
    "nl": ("Sanne de Vries", "Pieter Jansen", "Femke Bakker", "Daan van Dijk", "Joost Visser", "Lotte Mulder"),
    "pt": ("João Pereira", "Beatriz Almeida", "Rui Carvalho", "Inês Figueiredo", "Tiago Moreira", "Ana Lopes"),
}
_MESSAGES = {
    "en": (
        "Hello, this is {} and my parcel is late.",
        "Please send the invoice to {} again.",
        "I spoke with {} on Monday about the refund.",
        "Regards, {}",
        "Can {} be added to my account?",
    ),
    "de": (
        "Guten Tag, hier ist {}, mein Paket fehlt noch.",
        "Bitte schicken Sie {} die Rechnung erneut.",
        "Ich habe am Montag mit {} über die Erstattung gesprochen.",
        "Viele Grüße, {}",
        "Kann {} zu meinem Konto hinzugefügt werden?",
    ),
    "fr": (
        "Bonjour, ici {}, mon colis est en retard.",
        "Merci de renvoyer la facture à {}.",
        "J'ai parlé avec {} lundi du remboursement.",
        "Cordialement, {}",
        "Peut-on ajouter {} à mon compte ?",
    ),
    "es": (
        "Hola, soy {} y mi paquete llega tarde.",
        "Por favor envíe la factura a {} otra vez.",
        "Hablé con {} el lunes sobre el reembolso.",
        "Saludos, {}",
        "¿Se puede añadir a {} a mi cuenta?",
    ),
    "it": (
        "Salve, sono {} e il mio pacco è in ritardo.",
        "Inviate di nuovo la fattura a {}, per favore.",
        "Ho parlato con {} lunedì del rimborso.",
        "Cordiali saluti, {}",
        "Si può aggiungere {} al mio conto?",
    ),
    "nl": (
        "Hallo, u spreekt met {}, mijn pakket is te laat.",
        "Stuur de factuur nog eens naar {}.",
        "Ik sprak maandag met {} over de terugbetaling.",
        "Groeten, {}",
        "Kan {} aan mijn rekening worden toegevoegd?",
    ),
    "pt": (
        "Olá, aqui é {} e a minha encomenda está atrasada.",
        "Envie novamente a fatura para {}, por favor.",
        "Falei com {} na segunda-feira sobre o reembolso.",
        "Cumprimentos, {}",
        "É possível adicionar {} à minha conta?",
    ),
}


def own_names(language: str, count: int = 200) -> list[Labelled]:
    """Support messages with one name each, and as many with none."""
    draw = random.Random(language)
    texts: list[Labelled] = []
    for number in range(count):
        template = _MESSAGES[language][number % len(_MESSAGES[language])]
        first, last = draw.choice(_NAMES[language]).split()[0], draw.choice(_NAMES[language]).split(maxsplit=1)[1]
        name = f"{first} {last}"
        start = template.index("{}")
        texts.append(Labelled(template.format(name), ((start, start + len(name), "PERSON"),)))
    return texts


_FRESH_NAMES = {
    "en": ("Thessaly Wynbrook", "Corwin Haldane", "Jorah Penhallow", "Oluwaseun Adebayo", "Zephyrine Marsh"),
    "de": ("Irmtraut Sonnleitner", "Leberecht Kuhfuß", "Friedegund Ahlers", "Gülsüm Karadağ", "Gundula Pröll"),
    "fr": ("Ysaline Trémoille", "Philibert Coudray", "Aminata Coulibaly", "Eudes Montclar", "Zélie Bassompierre"),
    "es": ("Eleuterio Zambrano", "Nicanor Barrientos", "Aroa Lizarraga", "Itziar Goikoetxea", "Wilfredo Huamán"),
    "it": ("Eufemia Bortolotti", "Oronzo Lacerenza", "Teresio Gavazzi", "Nives Dal Pozzo", "Zaira Montanari"),
    "nl": ("Fokje Bakema", "Hilbrand Nijdam", "Tjitske Elgersma", "Gijsbertus Verhoeven", "Djamila Bouazza"),
    "pt": ("Deolindo Ferraz", "Hermengarda Luz", "Lucrécia Matoso", "Eulálio Peixoto", "Iolanda Cerqueira"),
}
"""None of their given names is in the list of given names."""
_FRESH_MESSAGES = {
    "en": (
        "Hello, {} here, my parcel is late.",
        "please call {} back tomorrow",
        "The contract was signed by {} last week.",
        "Best,\n{}\nSent from my iPhone",
        "[10:42] {}: where is my order?\n[10:43] Agent: one moment",
    ),
    "de": (
        "Hallo, hier {}, mein Paket fehlt.",
        "bitte {} morgen zurückrufen",
        "Der Vertrag wurde von {} unterschrieben.",
        "MfG\n{}\nGesendet von meinem iPhone",
        "[10:42] {}: wo ist meine Bestellung?\n[10:43] Agent: einen Moment",
    ),
    "fr": (
        "Bonjour, {} à l'appareil, mon colis est en retard.",
        "merci de rappeler {} demain",
        "Le contrat a été signé par {}.",
        "Bien à vous,\n{}\nEnvoyé de mon iPhone",
        "[10:42] {} : où est ma commande ?\n[10:43] Agent : un instant",
    ),
    "es": (
        "Hola, le habla {}, mi paquete no llega.",
        "por favor llame a {} mañana",
        "El contrato lo firmó {} la semana pasada.",
        "Atentamente,\n{}\nEnviado desde mi iPhone",
        "[10:42] {}: ¿dónde está mi pedido?\n[10:43] Agente: un momento",
    ),
    "it": (
        "Buongiorno, sono {}, il pacco non arriva.",
        "per favore richiamate {} domani",
        "Il contratto è stato firmato da {}.",
        "Cordialmente,\n{}\nInviato da iPhone",
        "[10:42] {}: dov'è il mio ordine?\n[10:43] Agente: un attimo",
    ),
    "nl": (
        "Hallo, met {}, mijn pakket is te laat.",
        "wilt u {} morgen terugbellen",
        "Het contract is door {} getekend.",
        "Met vriendelijke groet,\n{}\nVerstuurd vanaf mijn iPhone",
        "[10:42] {}: waar is mijn bestelling?\n[10:43] Medewerker: een moment",
    ),
    "pt": (
        "Olá, fala {}, a encomenda não chegou.",
        "por favor ligue para {} amanhã",
        "O contrato foi assinado por {}.",
        "Com os melhores cumprimentos,\n{}\nEnviado do meu iPhone",
        "[10:42] {}: onde está o meu pedido?\n[10:43] Agente: um momento",
    ),
}


def fresh_names(language: str, *, lower: bool = False) -> list[Labelled]:
    """Messages with names that are in no list, in five sentences, a signature and a line of a chat among them."""
    texts: list[Labelled] = []
    for written in _FRESH_NAMES[language]:
        name = written.lower() if lower else written
        for message in _FRESH_MESSAGES[language]:
            start = message.index("{}")
            texts.append(Labelled(message.format(name), ((start, start + len(name), "PERSON"),)))
    return texts
