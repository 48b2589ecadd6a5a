"""Two alternatives the other way round are the same question; what is done to what, and what describes one, is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftgate.caching.differences.alternatives import is_alternatives_swapped
from thriftgate.caching.differences.guards import Veto, first_veto
from thriftgate.caching.differences.surface import look

SAME = [
    ("Tea or coffee?", "Coffee or tea?"),
    ("Should I take tea or coffee?", "Should I take coffee or tea?"),
    ("Is it better to rent or buy a house?", "Is it better to buy or rent a house?"),
    ("Do you deliver to France or Spain?", "Do you deliver to Spain or France?"),
    ("Which is faster, Python or Java?", "Which is faster, Java or Python?"),
    ("PayPal or credit card?", "Credit card or PayPal?"),
    ("Can I pay by card or cash?", "Can I pay by cash or card?"),
    ("Can I pay with a credit card or a voucher?", "Can I pay with a voucher or a credit card?"),
    ("Zug oder Flug?", "Flug oder Zug?"),
    ("Ist das ein Fehler oder ein Feature?", "Ist das ein Feature oder ein Fehler?"),
    ("Thé ou café ?", "Café ou thé ?"),
    ("¿Prefiero vino o cerveza?", "¿Prefiero cerveza o vino?"),
    ("Is it 5 or 6?", "Is it 6 or 5?"),
]
OTHER = [
    ("Did Anna beat Ben or Carl?", "Did Ben beat Anna or Carl?"),
    ("Does the landlord or the bank pay my rent?", "Does the landlord pay my rent or the bank?"),
    ("Is 5 more or less than 7?", "Is 7 more or less than 5?"),
    ("Do I go from Bern or Basel to Rome?", "Do I go from Bern to Rome or Basel?"),
    ("Is 8 minus 3 or 4 right?", "Is 3 minus 8 or 4 right?"),
    ("Are old men or women insured?", "Are old women or men insured?"),
    ("Do you sell red cars or vans?", "Do you sell red vans or cars?"),
    ("Is sugar or salt water better?", "Is salt or sugar water better?"),
    ("Can very old or sick people fly?", "Can very sick or old people fly?"),
    ("Is it paid or not delivered?", "Is it delivered or not paid?"),
    ("Can my boss sue me or my bank?", "Can my bank sue me or my boss?"),
    ("Is a dog or a cat bigger than a fox?", "Is a fox or a cat bigger than a dog?"),
    ("Send A to B or C?", "Send B to A or C?"),
    ("Which word comes last: love or war?", "Which word comes last: war or love?"),
    ("Pick the first of these: red or blue", "Pick the first of these: blue or red"),
    ("Welches Wort ist das letzte: Tag oder Nacht?", "Welches Wort ist das letzte: Nacht oder Tag?"),
    ("Do cats or dogs chase mice?", "Do mice or dogs chase cats?"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_alternatives_the_other_way_round_are_the_same_question(one: str, other: str) -> None:
    assert is_alternatives_swapped(look(one), look(other))
    assert first_veto(one, other) is None
    assert first_veto(other, one) is None


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_whatever_else_changes_places_beside_an_or_is_another_question(one: str, other: str) -> None:
    assert not is_alternatives_swapped(look(one), look(other))
    assert isinstance(first_veto(one, other), Veto)
    assert isinstance(first_veto(other, one), Veto)


WORDS = st.lists(
    st.sampled_from(["or", "a", "the", "tea", "coffee", "not", "to", ",", "buy", "Ann", "very"]), max_size=12
).map(" ".join)


@given(WORDS, WORDS)
def test_it_is_the_same_from_both_sides_and_the_words_are(one: str, other: str) -> None:
    is_swapped = is_alternatives_swapped(look(one), look(other))
    assert is_alternatives_swapped(look(other), look(one)) is is_swapped
    assert not is_swapped or sorted(look(one).tokens) == sorted(look(other).tokens)
