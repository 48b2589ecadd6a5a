import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.differences import guards
from thriftgate.caching.differences.guards import GUARDS, Veto, first_veto, substituted_words, substitution
from thriftgate.caching.differences.reading import read, stem
from thriftgate.caching.entries import CacheEntry, Neighbour
from thriftgate.caching.evidence import gather

VOCABULARY = (
    "how do I not can't send buy sell card my the 5 7 WT-44219 Paris Anna from to savings checking premium basic "
    "Monday today without eligible ineligible foo() a_b `x` usd $ \u20ac wie ist was nicht fee fees, is it?"
)
sentences = st.lists(st.sampled_from(VOCABULARY.split()), max_size=9).map(" ".join) | st.text(max_size=30)

TRAPS: dict[Veto, list[tuple[str, str]]] = {
    Veto.NUMBERS: [
        ("Transfer $5,000 to savings", "Transfer $500 to savings"),
        ("Status of wire WT-44219?", "Status of wire WT-44291?"),
        ("Rate on loan LN-5567?", "Rate on loan LN-5567A?"),
        ("Is there a fee above 2 withdrawals?", "Is there a fee above three withdrawals?"),
        ("Do you ship within 3 days?", "Do you ship within days?"),
        ("What is 1.5 percent of it?", "What is 15 percent of it?"),
    ],
    Veto.DATES: [("Are you open on Monday?", "Are you open on Tuesday?"), ("Is it due in March?", "Is it due in May?")],
    Veto.ENTITIES: [
        ("What is the address of Tom Reed?", "What is the address of Tim Reed?"),
        ("Can I use it in Japan?", "Can I use it in Norway?"),
        ("What is the fee in euros?", "What is the fee in dollars?"),
        ("Does it work with Slack?", "Does it work?"),
    ],
    Veto.NEGATION: [
        ("Are fees waived for members?", "Are fees not waived for members?"),
        ("Which files are encrypted?", "Which files aren't encrypted?"),
        ("Which accounts are eligible?", "Which accounts are ineligible?"),
        ("Is deposit available?", "Is deposit unavailable?"),
        ("Welche Karten sind kostenlos?", "Welche Karten sind nicht kostenlos?"),
        ("Kann ich die Bestellung noch ändern?", "Kann ich die Bestellung nicht mehr ändern?"),
        ("Der Laden ist außer sonntags offen", "Der Laden ist sonntags offen"),
        ("Je n'ai jamais reçu le colis", "J'ai déjà reçu le colis"),
        ("Is de winkel elke dag open behalve zondag?", "Is de winkel elke dag open ook zondag?"),
        ("Is de bezorging aan huis mogelijk?", "Is de bezorging aan huis onmogelijk?"),
        ("¿Cuándo armo la alarma de la casa?", "¿Cuándo desarmo la alarma de la casa?"),
    ],
    Veto.LANGUAGE: [
        ("How do I cancel my order?", "Wie kann ich meine Bestellung stornieren?"),
        ("How do I pay?", "\u043a\u0430\u043a \u043e\u043f\u043b\u0430\u0442\u0438\u0442\u044c?"),
    ],
    Veto.CODE: [
        ("How do I call list_items()?", "How do I call delete_items()?"),
        ("What does `--force` do?", "What does `--dry-run` do?"),
        ("Where is config.yaml?", "Where is config.json?"),
    ],
    Veto.ANTONYMS: [
        ("Should I buy bonds?", "Should I sell bonds?"),
        ("How do I enable two-factor login?", "How do I disable two-factor login?"),
        ("Fee on a basic account?", "Fee on a premium account?"),
        ("Do you accept Visa?", "Do you accept Mastercard?"),
        ("Play the next song", "Please play the previous song now"),
        ("Das nächste Lied bitte", "Spiel bitte das vorherige Lied"),
        ("Volgende filmpje in de woonkamer", "Zet in de woonkamer het vorige filmpje op"),
        ("Schakel de verlichting van de werkbank in", "Schakel nu de werkbankverlichting uit"),
        ("Schakel in de woonkamer de ventilators uit", "Schakel alle ventilatoren in de woonkamer in"),
        ("Stell in der Küche das Radio an", "Stell das Radio an der Wand in der Küche ab"),
        ("Kannst du das Licht an der Tür anschalten?", "Kannst du das Licht an der Tür ausschalten?"),
        ("Mach die Tür auf", "Mach die Tür zu, bitte"),
        ("Licht aandoen", "Licht uitdoen"),
        ("Lock the kitchen door", "Open the kitchen door"),
        ("Is the garage unlocked?", "Is the garage closed?"),
        ("Mets la chanson suivante", "Remets la chanson précédente"),
        ("Pon la canción siguiente", "Pon otra vez la canción anterior"),
    ],
    Veto.ROLES: [
        ("Move money from savings to checking", "Move money from checking to savings"),
        ("Can a dog bite a cat?", "Can a cat bite a dog?"),
        ("Convert my IRA to a Roth", "Convert my Roth to an IRA"),
        ("Can my employer terminate my contract?", "Can I terminate my contract with my employer?"),
        ("Kann mein Chef meinen Vertrag kündigen?", "Kann ich meinen Vertrag mit meinem Chef kündigen?"),
        ("Cambia el idioma de español a inglés", "Cambia el idioma de inglés a español por favor"),
        ("Pasa la llamada del comercial al jefe", "Pasa ya la llamada del jefe al comercial"),
    ],
}

PARAPHRASES = [
    ("How do I reset my password?", "How can I reset the password?"),
    ("My card isn't working", "My card is not working"),
    ("Status of wire transfer #WT-44219?", "Can you check the status of wire transfer WT-44219?"),
    ("It costs $5,000.00", "It costs 5000 $"),
    ("I have two cards", "I have 2 cards"),
    ("Can I use google pay for topping -up", "Can I use google pay to top up?"),
    ("Are overdraft fees waived for premium customers?", "Do premium customers get overdraft fees waived?"),
    ("yesterday my card was stolen", "my card was stolen yesterday"),
    ("HOW DO I PAY?", "How do I pay?"),
    ("What's the limit per depositor?", "How much does it cover per depositor?"),
    ("¿Cómo voy de casa a la oficina?", "¿Cómo puedo ir de casa a la oficina?"),
    ("J'ai perdu ma carte", "Ma carte est perdue"),
    ("L'application ne marche pas", "Mon application ne marche pas"),
    ("Quiero cambiar mi contraseña", "¿Cómo cambio mi contraseña?"),
    ("Why isn't my exchange rate correct?", "Why was the wrong rate applied to my exchange?"),
    ("Google Pay Top up isn't working", "I want to top up my account. Can I do it with Google Pay?"),
]


@pytest.mark.parametrize(("veto", "pair"), [(veto, pair) for veto, pairs in TRAPS.items() for pair in pairs])
def test_a_trap_is_seen_from_both_sides(veto: Veto, pair: tuple[str, str]) -> None:
    guard = getattr(guards, veto.name.lower())
    assert guard(*pair) == guard(*pair[::-1]) == veto
    assert first_veto(*pair) is not None


@pytest.mark.parametrize("pair", PARAPHRASES)
def test_a_paraphrase_is_not_vetoed(pair: tuple[str, str]) -> None:
    assert first_veto(*pair) is None


@given(sentences, sentences)
def test_every_guard_is_symmetric(a: str, b: str) -> None:
    for guard in (*GUARDS, substitution):
        assert guard(a, b) == guard(b, a)


@given(sentences)
def test_no_guard_objects_to_the_same_question(a: str) -> None:
    assert first_veto(a, a) is None
    assert substitution(a, a) is None


@given(sentences.filter(lambda text: text.strip() != ""), st.integers(2, 999), st.integers(2, 999))
def test_another_number_is_always_seen(text: str, one: int, other: int) -> None:
    assert (guards.numbers(f"{text} {one}", f"{text} {other}") is Veto.NUMBERS) == (one != other)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("Fee for a savings account?", "Fee for a business account?", {"saving"}),
        ("I lost my card", "I misplaced my card", {"lost"}),
        ("How do I pay?", "How can I pay?", set[str]()),
        ("Where do I pay my bill?", "How long does shipping take?", set[str]()),
        ("It is not working", "It isn't working", set[str]()),
    ],
)
def test_one_replaced_word_is_named(a: str, b: str, expected: set[str]) -> None:
    assert substituted_words(a, b) == expected


@pytest.mark.parametrize(
    "words",
    [
        ("transfer", "transfers", "transferring", "transferred"),
        ("waive", "waived", "waives", "waiving"),
        ("fee", "fees"),
    ],
)
def test_forms_of_a_word_share_a_stem(words: tuple[str, ...]) -> None:
    assert len({stem(word) for word in words}) == 1


def test_a_narrated_detail_on_one_side_only_is_no_veto_in_a_looser_paraphrase() -> None:
    assert first_veto("I paid yesterday at 2 shops and the app shows nothing", "Why is my payment missing?") is None


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The parcel is paid but not delivered", "The parcel is not paid but delivered"),
        ("Je veux payer mais ne pas recevoir le colis", "Je ne veux pas payer mais recevoir le colis"),
    ],
)
def test_another_clause_denied_is_another_question_however_many_words_deny_it(a: str, b: str) -> None:
    assert read(a).negations == read(b).negations == 1
    assert guards.negation(a, b) is Veto.NEGATION


def test_a_reading_names_what_it_found() -> None:
    reading = read("Does Anna not pay $5,000.50 on Monday with pay_now()?")
    assert reading.numbers == ("5000.5",)
    assert reading.names == {"anna"}
    assert reading.currencies == {"usd"}
    assert reading.dates == {"monday"}
    assert reading.negations == 1
    assert reading.code == ("pay_now()",)
    assert reading.language == "en"


def test_both_words_of_a_swap_must_be_known_to_give_the_same_answer() -> None:
    def near(question: str, entry_id: str) -> Neighbour:
        entry = CacheEntry(
            entry_id=entry_id, scope="s", key=entry_id, route="r", question=question, embedding=None, choices=(),
            model="m", created_at=0, expires_at=1, answer_group="g",
        )  # fmt: skip
        return Neighbour(entry, 0.95)

    asked = "Where do I see my shiny parcel today?"
    first = near("Where do I see my dull invoice today?", "1")
    half = near("Is there something shiny for me in here?", "2")
    both = near("Is there a shiny parcel for me in here?", "3")
    assert gather(asked, [first, first, first, half]) == Veto.SUBSTITUTION
    assert not isinstance(gather(asked, [first, first, first, both]), Veto)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("doe het licht in de keuken aan", "doe het licht in de keuken uit"),
        ("zet de gordijnen open", "zet de gordijnen dicht"),
        ("kun je de rolluiken openen", "kun je de rolluiken sluiten"),
        ("Tänd lampan i köket", "Släck lampan i köket"),
        ("Sluk lyset i stuen nu tak", "Tænd lyset i stuen nu tak"),
        ("Włącz światło w kuchni", "Wyłącz światło w kuchni"),
        ("Encienda la luz", "Apague la luz"),
        ("Abra la puerta del garaje", "Cierre la puerta del garaje"),
        ("How do I fly from Paris to Berlin cheaply?", "How can I travel from Berlin to Paris cheaply?"),
        ("send 5 euros from Anna to Ben now", "wire 5 euros from Ben to Anna today"),
        ("konverter euro til dollar", "konverter dollar til euro"),
    ],
)
def test_opposites_and_swapped_roles_are_seen_in_other_languages_and_beside_other_differences(
    one: str, other: str
) -> None:
    assert first_veto(one, other) is not None
    assert first_veto(other, one) is not None


@pytest.mark.parametrize(
    ("asked", "cached", "is_swapped"),
    [
        ("Move money from savings to checking", "How can I move money from savings to checking?", False),
        ("Move money from savings to checking", "How can I move money from checking to savings?", True),
        ("Send it from Paris to Rome", "Please send it from Paris to Rome today", False),
    ],
)
def test_the_same_words_in_the_same_roles_are_no_swap(asked: str, cached: str, is_swapped: bool) -> None:
    assert (guards.roles(asked, cached) is Veto.ROLES) is is_swapped
    assert (guards.roles(cached, asked) is Veto.ROLES) is is_swapped


@pytest.mark.parametrize("letter", ["\u0400", "\u0436", "\u052f"])
def test_every_letter_of_a_script_is_of_it_from_the_first_to_the_last(letter: str) -> None:
    assert read(letter * 4).language == "cyrillic"
