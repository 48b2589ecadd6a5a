"""Opposites in each language that the guards know: the same words with the other one are another question."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.differences.contrasts import OPPOSITES
from thriftgate.caching.differences.guards import Veto, antonyms, first_veto
from thriftgate.caching.differences.inflections import inflected
from thriftgate.caching.differences.lexicon import FUNCTION_WORDS, ROLE_WORDS

LANGUAGES = ("en", "de", "nl", "fr", "es", "it", "pt")
FRAMES = {
    "en": "{} it for me", "de": "{} es für mich", "nl": "{} het voor mij", "fr": "{} cela pour moi",
    "es": "{} eso para mí", "it": "{} questo per me", "pt": "{} isso para mim",
}  # fmt: skip
# One idea in a row, in the order of LANGUAGES; several forms of a word are separated by commas.
TABLE = Path(__file__).with_name("opposites.txt").read_text(encoding="utf-8")


def pairs() -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for row in TABLE.strip().splitlines():
        for language, cell in zip(LANGUAGES, row.split("|"), strict=True):
            one, other = (side.strip().split(",") for side in cell.split("/"))
            found += [(language, left, right) for left in one for right in other]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_opposites_are_known_in_each_language(language: str) -> None:
    unseen = [(one, other) for named, one, other in pairs() if named == language and antonyms(one, other) is None]
    assert unseen == []


@given(st.sampled_from(pairs()))
def test_a_question_with_the_opposite_word_meets_a_guard(pair: tuple[str, str, str]) -> None:
    language, one, other = pair
    assert first_veto(FRAMES[language].format(one), FRAMES[language].format(other)) is not None


@given(st.sampled_from(OPPOSITES), st.data())
def test_no_word_is_its_own_opposite_and_no_two_of_one_side_are(
    sides: tuple[frozenset[str], frozenset[str]], data: st.DataObject
) -> None:
    left, right = sides
    assert left.isdisjoint(right)
    one, other = (data.draw(st.sampled_from(sorted(side))) for side in sides)
    assert antonyms(one, other) is antonyms(other, one) is Veto.ANTONYMS
    assert antonyms(one, one) is None


COMMANDS = (
    ("Please {} the garage door for the van", "open/shut"),
    ("Is the pool {} at noon?", "open/shut crowded/empty warm/cold"),
    ("Why was the card {} at the shop?", "approved/declined approved/denied granted/refused"),
    ("Is the home delivery {}?", "free/paid included/extra permitted/forbidden"),
    ("How do I {} a user of the group?", "invite/kick ban/unban promote/demote"),
    ("Is this shirt too {} for me?", "big/small tight/loose wide/narrow"),
    ("How do I {} a PDF with the app?", "zip/unzip merge/split save/discard"),
    ("Wann wird der Alarm im Haus {}?", "angemacht/ausgemacht angestellt/abgestellt eingeschaltet/ausgeschaltet"),
    ("Ist die Lieferung nach Hause {}?", "kostenlos/kostenpflichtig gratis/kostenpflichtig möglich/unmöglich"),
    ("Ist die Angabe im Formular {}?", "freiwillig/verpflichtend richtig/falsch erlaubt/verboten"),
    ("Warum wurde meine Karte im Laden {}?", "akzeptiert/abgelehnt genehmigt/abgelehnt gesperrt/entsperrt"),
    ("Wanneer wordt het alarm in huis {}?", "ingeschakeld/uitgeschakeld aangezet/uitgezet"),
    ("Is de bezorging aan huis {}?", "gratis/betaald verplicht/optioneel mogelijk/onmogelijk toegestaan/verboden"),
    ("Waarom is mijn kaart in de winkel {}?", "geaccepteerd/geweigerd goedgekeurd/afgekeurd"),
    ("Quand est-ce que nous {} la porte du garage ?", "ouvrons/fermons verrouillons/déverrouillons"),
    ("Quand est-ce que nous {} l'alarme de la maison ?", "allumons/éteignons activons/désactivons"),
    ("Pourquoi ma carte a-t-elle été {} au magasin ?", "acceptée/refusée bloquée/débloquée activée/désactivée"),
    ("Comment {} un utilisateur du groupe ?", "ajouter/retirer inclure/exclure"),
    ("¿Cómo {} la puerta del garaje desde el móvil?", "abro/cierro abrimos/cerramos"),
    ("¿Cuándo {} la alarma de la casa?", "enciendo/apago activamos/desactivamos conecto/desconecto armo/desarmo"),
    ("¿Cómo {} el límite de mi cuenta?", "subo/bajo aumento/reduzco incremento/disminuyo"),
    ("¿Por qué fue {} mi tarjeta en la tienda?", "aceptada/rechazada aprobada/denegada"),
    ("¿Los niños {} de seis años pagan?", "mayores/menores"),
    ("Come {} la porta del garage dal telefono?", "apro/chiudo apriamo/chiudiamo"),
    ("Quando {} l'allarme di casa?", "accendo/spengo accendiamo/spegniamo"),
    ("Come {} il limite del mio conto?", "aumento/riduco alzo/abbasso"),
    ("Perché la mia carta è stata {} in negozio?", "accettata/rifiutata approvata/respinta"),
    ("Como {} a porta da garagem pelo telefone?", "abro/fecho abrimos/fechamos"),
    ("Quando {} o alarme da casa?", "ligo/desligo ativo/desativo acendo/apago"),
    ("Como {} o limite da minha conta?", "aumento/reduzo subo/baixo"),
    ("O pagamento é feito {} da entrega?", "antes/depois"),
    ("Skru {} for varmen i stuen", "op/ned"),
    ("{} lampu dapur", "nyalakan/matikan"),
    ("{} el llum de la cuina", "encén/apaga"),
)


@pytest.mark.parametrize(("frame", "words"), COMMANDS)
def test_whoever_does_it_and_whatever_has_been_done_the_opposite_is_another_question(frame: str, words: str) -> None:
    questions = [[frame.format(side) for side in pair.split("/")] for pair in words.split()]
    assert [pair for pair in questions if first_veto(*pair) is None or first_veto(*reversed(pair)) is None] == []


@given(st.sampled_from(("fr", "es", "it", "pt")), st.text(max_size=8))
def test_any_word_has_itself_among_its_forms_and_no_small_word_is_made(language: str, word: str) -> None:
    own, *made = inflected(language, word)
    assert own == word
    assert (FUNCTION_WORDS | ROLE_WORDS).isdisjoint(made)


def test_regular_forms_are_made_of_infinitives_alone() -> None:
    assert {"abro", "abre", "abrimos", "abrida"} <= set(inflected("es", "abrir"))
    assert {"chiudo", "chiudiamo"} <= set(inflected("it", "chiudere"))
    assert "para" not in inflected("es", "parar")  # "for"
    assert list(inflected("es", "mano")) == ["mano"]
    assert list(inflected("en", "parar")) == ["parar"]


def test_opposites_change_places_whatever_else_each_of_them_is_opposite_to() -> None:
    swapped = [
        ("Quando chego liga a luz e desliga o som", "Assim que eu chegar desliga a luz e liga o som"),
        ("sube la luz y baja el volumen", "por favor baja la luz y sube el volumen ahora"),
        (
            "Should I subscribe first and cancel the trial then?",
            "Should I cancel first and then subscribe to the trial?",
        ),
        ("Can I keep it if I cancel?", "Can I cancel if I keep it?"),
        ("If I open the window does the door close?", "If I close the window does the door open?"),
    ]
    assert [pair for pair in swapped if first_veto(*pair) is None or first_veto(*reversed(pair)) is None] == []


@pytest.mark.parametrize(
    "pair",
    [
        # Of two clauses either may come first
        ("Can I keep my number if I cancel?", "If I cancel, can I keep my number?"),
        ("If I cancel my plan, do I keep my data?", "Do I keep my data if I cancel my plan?"),
        (
            "Kann ich meine Nummer behalten, wenn ich storniere?",
            "Wenn ich storniere, kann ich meine Nummer behalten?",
        ),
        ("Kan ik mijn nummer behouden als ik annuleer?", "Als ik annuleer, kan ik mijn nummer behouden?"),
        # "I save", and no exception
        ("Como salvo meus contatos?", "Como posso salvar meus contatos?"),
        ("Sauf erreur, ma commande est arrivée ?", "Ma commande est-elle arrivée ?"),
        ("Salvo error mío, el pedido ha llegado", "El pedido ha llegado"),
        # A hall has nothing of "salir"
        ("¿Cómo entro a la sala de reuniones?", "¿A la sala de reuniones cómo entro?"),
    ],
)
def test_what_only_looks_like_an_opposite_or_exception_is_the_same_question(pair: tuple[str, str]) -> None:
    assert first_veto(*pair) is None
    assert first_veto(*pair[::-1]) is None


@pytest.mark.parametrize(
    "pair",
    [
        ("Abierto todos los días salvo los domingos", "Abierto todos los días"),
        ("Livraison partout sauf en Corse", "Livraison partout en Corse"),
    ],
)
def test_an_exception_is_still_one(pair: tuple[str, str]) -> None:
    assert first_veto(*pair) is Veto.NEGATION
