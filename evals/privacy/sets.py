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


_FRESH = Path(__file__).with_name("fresh.json")
"""By language two halves of 12 names, none of whose given names is in the list of given names, ten sentences with a
name and ten with none. The misses of "read" were read before names were mended; those of "held" were not. "new" has 12
names written down before surnames were listed, for the messages of "held"."""


_IN_BERLIN = {
    "en": "i am in", "de": "ich bin in", "fr": "je suis à", "es": "estoy en", "it": "sono a", "nl": "ik ben in",
    "pt": "estou em",
}  # fmt: skip


def names_beside_a_capital(language: str, half: str) -> list[Labelled]:
    """The fresh names in lower case, each message with one city that has a capital."""
    return [
        Labelled(f"{one.text} ({_IN_BERLIN[language]} Berlin)", one.spans)
        for one in fresh_names(language, half, lower=True)
    ]


def fresh_names(language: str, half: str, *, lower: bool = False) -> list[Labelled]:
    """120 messages with a name and ten with none; `half` is "read", "held" or "new"."""
    halves = json.loads(_FRESH.read_text(encoding="utf-8"))[language]
    of = {**halves["held"], **halves[half]}
    texts = [Labelled(text.lower() if lower else text, ()) for text in of["nobody"]]
    for template in of["messages"]:
        message = template.lower() if lower else template
        start = message.index("{}")
        for written in of["names"]:
            name = written.lower() if lower else written
            texts.append(Labelled(message.format(name), ((start, start + len(name), "PERSON"),)))
    return texts
