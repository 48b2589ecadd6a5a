"""Pairs that an English, uncased embedder cannot tell apart, of which a reader would give another answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.differences.guards import first_veto
from thriftgate.caching.differences.surface import look

PAIRS: dict[str, list[tuple[str, str]]] = {
    "emoji and symbols": [
        ("Classify the sentiment of this review: \U0001f600\U0001f600\U0001f600",
         "Classify the sentiment of this review: \U0001f621\U0001f621\U0001f621"),
        ("User feedback was \U0001f44d. Should we follow up?", "User feedback was \U0001f44e. Should we follow up?"),
        ("What does \u2764\ufe0f mean?", "What does \U0001f494 mean?"),
        ("First \U0001f44d then \U0001f44e: what now?", "First \U0001f44e then \U0001f44d: what now?"),
        ("Is a \u2265 b here?", "Is a \u2264 b here?"),
        ("Solve x + 4", "Solve x * 4"),
        ("What is 7 + 2?", "What is 7 - 2?"),
        ("What is 7 \u2212 2?", "What is 7 \u00d7 2?"),
        ("Is it \u2642 or not?", "Is it \u2640 or not?"),
        ("Which card beats \u2660?", "Which card beats \u2665?"),
        ("What does \u2192 mean in logic?", "What does \u2190 mean in logic?"),
        ("Explain the operator ==", "Explain the operator ="),
        ("How do I learn C++?", "How do I learn C?"),
        ("How do I learn C#?", "How do I learn C?"),
        ("Is it A&B?", "Is it A|B?"),
        ("Price in \u20b9 please", "Price in \u20ba please"),
        ("What is \u00a7 about?", "What is \u00b6 about?"),
        ("Wat betekent \U0001f44d?", "Wat betekent \U0001f44e?"),
        ("Was bedeutet \u2600?", "Was bedeutet \u2602?"),
        ("Que veut dire \u2191 ?", "Que veut dire \u2193 ?"),
        ("\u00bfQu\u00e9 significa \u2713?", "\u00bfQu\u00e9 significa \u2717?"),
        ("Flag of \U0001f1f3\U0001f1f1?", "Flag of \U0001f1e9\U0001f1ea?"),
        ("What family is \U0001f468\u200d\U0001f469\u200d\U0001f467?",
         "What family is \U0001f468\U0001f469\U0001f467?"),
    ],
    "case": [
        ("Can us citizens apply?", "Can US citizens apply?"),
        ("Do they polish shoes?", "Do they Polish shoes?"),
        ("When can I march?", "When can I March?"),
        ("Is turkey good?", "Is Turkey good?"),
        ("Where can I buy china?", "Where can I buy China?"),
        ("Does the transmitter need 5 mW?", "Does the transmitter need 5 MW?"),
        ("Is 10Mb enough?", "Is 10MB enough?"),
        ("Can aids help him?", "Can AIDS help him?"),
        ("Can the who help?", "Can the WHO help?"),
        ("Is my job in it?", "Is my job in IT?"),
        ("What is the value of x here?", "What is the value of X here?"),
        ("Can I pay mark?", "Can I pay Mark?"),
        ("Did he bill us?", "Did he Bill us?"),
        ("Do I need more ram?", "Do I need more RAM?"),
        ("Has he seen amazon?", "Has he seen Amazon?"),
        ("K\u00f6nnen Sie ihr helfen, Frau Meier?", "K\u00f6nnen sie Ihr helfen, Frau Meier?"),
        ("Ich habe das Essen f\u00fcr Anna", "Ich habe das essen f\u00fcr Anna"),
        ("Does java run here?", "Does Java run here?"),
        ("Who is in office?", "Who is in Office?"),
        ("How do I open windows?", "How do I open Windows?"),
    ],
    "accents and rare characters": [
        ("How old is an a\u00f1o?", "How old is an ano?"),
        ("Ist es schon da?", "Ist es sch\u00f6n da?"),
        ("Was kostet ein Bar?", "Was kostet ein B\u00e4r?"),
        ("Il a p\u00each\u00e9 ici", "Il a p\u00e9ch\u00e9 ici"),
        ("Est-il interne ?", "Est-il intern\u00e9 ?"),
        ("El papa tiene hambre", "El pap\u00e1 tiene hambre"),
        ("\u00bfQu\u00e9 es si?", "\u00bfQu\u00e9 es s\u00ed?"),
        ("Wat is een een?", "Wat is een \u00e9\u00e9n?"),
        ("Read the r\u00e9sum\u00e9", "Read the resume"),
        ("Is x\u00b2 positive?", "Is x2 positive?"),
        ("Is H\u2082O wet?", "Is HO wet?"),
        ("Is x\u00b2 even?", "Is x\u00b3 even?"),
        ("Define \u03b1 decay", "Define \u03b2 decay"),
        ("Read \U0001d400 aloud", "Read \U0001d401 aloud"),
        ("Translate \u732b please", "Translate \u72ac please"),
        ("What is \uff21 here?", "What is \uff22 here?"),
        ("\u041a\u0430\u043a \u043e\u0442\u043a\u0440\u044b\u0442\u044c \u0441\u0447\u0451\u0442?",
         "\u041a\u0430\u043a \u0437\u0430\u043a\u0440\u044b\u0442\u044c \u0441\u0447\u0451\u0442?"),
        ("\u5982\u4f55\u6253\u5f00\u8d26\u6237", "\u5982\u4f55\u5173\u95ed\u8d26\u6237"),
        ("Is \u00bd enough?", "Is \u00bc enough?"),
        ("Use \u2160 for it", "Use \u2161 for it"),
        ("jak otworzy\u0107 konto w banku", "jak zamkn\u0105\u0107 konto w banku"),
        ("hesab\u0131m\u0131 nas\u0131l a\u00e7abilirim acaba", "hesab\u0131m\u0131 nas\u0131l kapatabilirim acaba"),
    ],
    "single digits and letters": [
        ("What is plan A?", "What is plan B?"),
        ("How much is vitamin c?", "How much is vitamin d?"),
        ("Solve for x", "Solve for y"),
        ("Is hepatitis B curable?", "Is hepatitis C curable?"),
        ("Which gate, 3?", "Which gate, 4?"),
        ("Tell me about type 1", "Tell me about type 2"),
        ("Open drive C please", "Open drive D please"),
        ("Explain option b", "Explain option c"),
        ("What is group O?", "What is group B?"),
        ("Is vitamin K safe?", "Is vitamin E safe?"),
        ("Welke optie is B?", "Welke optie is C?"),
        ("Was ist Plan B?", "Was ist Plan C?"),
        ("Quel est le plan B ?", "Quel est le plan C ?"),
        ("\u00bfCu\u00e1l es el plan B?", "\u00bfCu\u00e1l es el plan C?"),
        ("Heb ik twee dagen?", "Heb ik drie dagen?"),
        ("Habe ich zwei Tage?", "Habe ich drei Tage?"),
        ("Ai-je deux jours ?", "Ai-je trois jours ?"),
        ("\u00bfTengo dos d\u00edas?", "\u00bfTengo tres d\u00edas?"),
        ("What follows line 5?", "What follows line 6?"),
        ("Is grade F bad?", "Is grade D bad?"),
    ],
    "operands and roles": [
        ("What is 8 minus 3?", "What is 3 minus 8?"),
        ("Please compute 8 minus 3", "What is 3 minus 8?"),
        ("What is 20 divided by 5?", "What is 5 divided by 20?"),
        ("Subtract 5 from 9", "Subtract 9 from 5"),
        ("How do I move data from server A to server B?", "How do I move data from server B to server A?"),
        ("How do I move data from server A to server B?", "How can I copy data from server B to server A?"),
        ("Is Na+ bigger than Na?", "Is Na bigger than Na+?"),
        ("Is Tom older than Anna?", "Is Anna older than Tom?"),
        ("Did Tom pay Anna yesterday?", "Did Anna pay Tom yesterday?"),
        ("Convert from EUR to USD", "Convert from USD to EUR"),
        ("How do I convert from my old savings account to my new checking account?",
         "How can I convert from my new checking account to my old savings account?"),
        ("Can cats eat dogs?", "Can dogs eat cats?"),
        ("Does the doctor see the patient?", "Does the patient see the doctor?"),
        ("Hoe ga ik van Utrecht naar Leiden?", "Hoe ga ik van Leiden naar Utrecht?"),
        ("Hoe reis ik van Utrecht naar Leiden?", "Hoe ga ik van Leiden naar Utrecht?"),
        ("Wie komme ich von Bonn nach K\u00f6ln?", "Wie komme ich von K\u00f6ln nach Bonn?"),
        ("Wie fahre ich von Bonn nach K\u00f6ln?", "Wie komme ich von K\u00f6ln nach Bonn?"),
        ("Comment aller de Paris \u00e0 Lyon ?", "Comment aller de Lyon \u00e0 Paris ?"),
        ("\u00bfC\u00f3mo voy desde Madrid hasta Toledo?", "\u00bfC\u00f3mo voy desde Toledo hasta Madrid?"),
        ("Is 3 less than 5?", "Is 5 less than 3?"),
        ("Beats a king an ace?", "Beats an ace a king?"),
        ("Bijt de hond de man?", "Bijt de man de hond?"),
        ("Bei\u00dft der Hund den Mann?", "Bei\u00dft der Mann den Hund?"),
    ],
    "opposites and small words": [
        ("Zet de lamp in de keuken aan", "Zet de lamp in de keuken uit"),
        ("Doe de gordijnen open", "Doe de gordijnen dicht"),
        ("Kun je de verwarming hoger zetten?", "Kun je de verwarming lager zetten?"),
        ("Mach das Licht an", "Mach das Licht aus"),
        ("Schalte das Licht im Bad ein bitte", "Schalte das Licht im Bad aus bitte"),
        ("Wie kann ich die Karte sperren?", "Wie kann ich die Karte entsperren?"),
        ("Ouvre les volets du salon", "Ferme les volets du salon"),
        ("Allume la lampe", "\u00c9teins la lampe"),
        ("Enciende la luz de la sala", "Apaga la luz de la sala"),
        ("Sube la persiana", "Baja la persiana"),
        ("Accendi la luce", "Spegni la luce"),
        ("Turn the lights on", "Turn the lights off"),
        ("Switch on the lights in the kitchen", "Please switch the kitchen lights off"),
        ("When do I pay it?", "Where do I pay it?"),
        ("Is it his card?", "Is it her card?"),
        ("Do I need a visa and a passport?", "Do I need a visa or a passport?"),
        ("Are all cards free?", "Are some cards free?"),
        ("Wann muss ich zahlen?", "Wo muss ich zahlen?"),
        ("Waar moet ik betalen?", "Wanneer moet ik betalen?"),
        ("Met saldo of zonder saldo?", "Met saldo of met saldo?"),
        ("Turn left here?", "Turn right here?"),
        ("Is it bigger?", "Is it smaller?"),
    ],
    "white space and quotes": [
        ("How many blanks are in 'a  b'?", "How many blanks are in 'a b'?"),
        ('How many blanks are in "a  b"?', 'How many blanks are in "a b"?'),
        ("What does `a  b` do?", "What does `a b` do?"),
        ("What does this do?\nif a:\n  b\nc", "What does this do?\nif a:\n  b\n  c"),
        ("Indent:\n\tx\ny", "Indent:\n    x\ny"),
        ("Translate 'the bank'", "Translate 'the shore'"),
        ('Translate "the bank" now', 'Translate "the shore" now'),
        ("Is 'Abc' valid?", "Is 'abc' valid?"),
        ("Is \u201cAbc\u201d valid?", "Is \u201cabc\u201d valid?"),
        ("Was heisst \u201eBank\u201c hier?", "Was heisst \u201eUfer\u201c hier?"),
        ("Que veut dire \u00ab banc \u00bb ?", "Que veut dire \u00ab rive \u00bb ?"),
        ("\u00bfQu\u00e9 es 'sol y luna'?", "\u00bfQu\u00e9 es 'luna y sol'?"),
        ("Wat is 'a b'?", "Wat is 'ab'?"),
        ("Say ' x'", "Say 'x'"),
        ("a\tb is what?", "a b\tis what?"),
        ("Explain:\n```\na b\n```", "Explain:\n```\na  b\n```"),
        ("Is 'don' a word?", "Is 'dun' a word?"),
        ('Is "no" a word?', 'Is "on" a word?'),
        ("Is 'x y' equal?", "Is 'y x' equal?"),
        ("List:\n- a\n  - b", "List:\n- a\n- b"),
    ],
}  # fmt: skip

SAME = [
    ("How do I get from A to B?", "How do I get to B from A?"),
    ("Please, how do I pay?", "How do I pay, please?"),
    ("In Japan can I use it?", "Can I use it in Japan?"),
    ("how do i pay in japan", "How do I pay in Japan?"),
    ("What does 'cash out' mean?", "What does cash out mean?"),
    ("How do I top-up?", "How do I top-up"),
    ("My PIN is blocked", "My pin is blocked"),
    ("HOW DO I PAY IN THE US?", "How do I pay in the US?"),
    ("I need it  now, thanks", "I need it now, thanks"),
    ("Is it R&D?", "Is it R&D"),
    ("What's plan B?", "what is plan B"),
    ("Hoe kan ik mijn pas blokkeren?", "Hoe blokkeer ik mijn pas?"),
]


@pytest.mark.parametrize("pair", [pair for pairs in PAIRS.values() for pair in pairs])
def test_a_difference_that_the_embedder_cannot_see_is_vetoed_from_both_sides(pair: tuple[str, str]) -> None:
    assert first_veto(*pair) is not None
    assert first_veto(*pair[::-1]) is not None


@pytest.mark.parametrize("pair", SAME)
def test_another_way_of_writing_the_same_is_let_through(pair: tuple[str, str]) -> None:
    assert first_veto(*pair) is None


def test_each_kind_has_twenty_pairs() -> None:
    assert all(len(set(pairs)) >= 20 for pairs in PAIRS.values())


@given(st.text(max_size=40), st.text(max_size=40))
def test_texts_with_other_symbols_never_pass(one: str, other: str) -> None:
    if look(one).symbols != look(other).symbols:
        assert first_veto(one, other) is not None


def test_a_dash_between_the_first_two_or_last_two_words_is_no_minus():
    assert "-" in look("What is 7 - 2 then?").tokens
    assert "-" in look("7 - 2").tokens
    assert "-" not in look("- 7 apples").tokens
    assert "-" not in look("take 7 -").tokens
    assert "-" not in look("well - 7").tokens


def test_what_follows_a_quotation_mark_that_is_never_closed_is_not_quoted():
    assert look('say "one" and "two" loudly').quoted == ("one", "two")
    assert look('say "one" and "two" and "three').quoted == ("one", "two")
    assert look('say "one').quoted == ()
