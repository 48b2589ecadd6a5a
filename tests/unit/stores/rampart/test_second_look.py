"""Full names that the network passed over are asked about in a sentence that it knows; words of a language are not."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from thriftgate.config.sections.privacy import PrivacyConfig
from thriftgate.privacy.spans import TextSpan
from thriftgate.stores.rampart.second_look import TOGETHER, looked_again, sentence_characters
from thriftgate.stores.rampart.spans import PERSON, ScoredWord

PEOPLE = frozenset({"gisbert", "rauch", "pleun", "van", "vliet", "stelle", "anderl"})
"""Words that the played network takes for names in its own sentences, `stelle` with less certainty."""


class Network:
    """Knows `PEOPLE` in a sentence of its own, and of a message what it is told."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> Sequence[ScoredWord]:
        self.asked.append(text)
        return words_of(text, {word: 0.6 if word == "stelle" else 0.95 for word in PEOPLE})


def words_of(text: str, scores: dict[str, float]) -> list[ScoredWord]:
    words: list[ScoredWord] = []
    at = 0
    for word in text.replace(",", " ").replace(".", " ").split():
        at = text.index(word, at)
        words.append(ScoredWord(at, at + len(word), (scores.get(word.lower(), 0.0), 0.0, 0.0)))
        at += len(word)
    return words


def found(text: str, doubts: dict[str, float] | None = None, *, known: str = "") -> list[str]:
    at = text.index(known) if known else 0
    spans = [TextSpan(at, at + len(known), PERSON, 0.9, "rampart")] if known else []
    return [text[span.start : span.end] for span in looked_again(text, words_of(text, doubts or {}), spans, Network())]


def test_a_capitalised_name_in_a_sentence_is_found_though_the_network_saw_nothing() -> None:
    assert found("Bestellt hat das Gisbert Rauch, ich habe bezahlt.") == ["Gisbert Rauch"]
    assert found("Geef het aan Pleun van Vliet terug") == ["Pleun van Vliet"]


def test_what_a_name_is_introduced_with_is_left_out() -> None:
    assert found("Ihre Kollegin Gisbert Rauch meinte das.") == ["Gisbert Rauch"]


def test_half_a_name_that_was_found_becomes_all_of_it_and_a_whole_one_is_not_asked_about() -> None:
    assert found("Das hat Gisbert Rauch bestellt.", known="Rauch") == ["Gisbert Rauch"]
    assert found("Das hat Gisbert Rauch bestellt.", known="Gisbert Rauch") == []


def test_articles_acronyms_and_lone_words_are_no_part_of_a_name() -> None:
    for text in (
        "so war es The Rauch heute",
        "das war Stelle RaucH8 heute",
        "im GISBERT Rauch steht es",
        "und Rauch stieg auf",
        "a@Gisbert Rauch",
    ):
        assert found(text) == []


def test_where_capitals_say_nothing_the_sentences_have_to_be_plain() -> None:
    assert found("Stelle Rauch im Bad ab") == []
    assert found("das war Stelle Rauch im Bad") == ["Stelle Rauch"]
    assert found("Gisbert Rauch ist nicht mehr bei uns, sagt der Chef") == ["Gisbert Rauch"]


def test_in_a_text_without_capitals_words_are_asked_about_of_which_the_network_was_not_sure() -> None:
    doubts = {"pleun": 0.1, "vliet": 0.03}
    assert found("besteld heeft dat pleun vliet vandaag", doubts) == ["pleun vliet"]
    assert found("besteld heeft dat pleun vliet vandaag") == []
    assert found("In het Huis heeft de Firma dat pleun vliet vandaag", doubts) == []


def test_a_word_before_a_listed_surname_is_asked_about_in_a_text_without_capitals() -> None:
    assert found("bestellt hat das gisbert rauch heute") == ["gisbert rauch"]
    assert found("das war stelle rauch im bad") == ["stelle rauch"]
    assert found("das war pleun van rauch im bad") == ["pleun van rauch"]
    assert found("das war IBAN rauch im bad") == []
    assert found("Im Haus hat die Firma das gisbert rauch heute") == []


def test_a_word_before_a_listed_surname_is_no_name_unless_the_network_says_so() -> None:
    assert found("bestellt hat das kollege rauch heute") == []
    assert found("bestellt hat das der rauch heute") == []


def test_words_with_capitals_before_a_listed_surname_are_a_name_of_which_the_network_may_be_less_sure() -> None:
    def read(text: str) -> Sequence[ScoredWord]:
        return words_of(text, dict.fromkeys(("stelle", "rauch", "vliet"), 0.15))

    for text, names in (("so war das Stelle Rauch heute", ["Stelle Rauch"]), ("so war das Stelle Vliet heute", [])):
        spans = list(looked_again(text, words_of(text, {}), [], read))
        assert [text[span.start : span.end] for span in spans] == names
        assert all(span.score >= PrivacyConfig.model_fields["min_score"].default for span in spans)


def test_one_word_with_a_capital_passes_no_name_in_lower_case_over() -> None:
    doubts = {"gisbert": 0.1, "rauch": 0.03}
    for text in ("order of gisbert rauch from Berlin", "das war gisbert rauch mit DHL und der BVG in New York"):
        assert found(text, doubts) == ["gisbert rauch"]
    assert found("von Pleun Vliet und gisbert rauch", doubts) == ["Pleun Vliet", "gisbert rauch"]


def test_a_name_is_asked_about_once() -> None:
    network = Network()
    text = "so " + "und Gisbert Rauch sagt, " * 50
    assert len(list(looked_again(text, words_of(text, {}), [], network))) == 50
    assert len(network.asked) == 2


def test_many_names_are_read_together_and_none_is_left_out() -> None:
    network = Network()
    letters = "abcdefghijklmnopqrst"
    text = (
        "so "
        + ", ".join(f"B{one}{two} Xyz" for one in letters for two in letters)
        + ", Ab Stelle Anderl, Gisbert Rauch"
    )
    spans = list(looked_again(text, words_of(text, {}), [], network))
    assert [text[span.start : span.end] for span in spans] == ["Stelle Anderl", "Gisbert Rauch"]
    assert len(network.asked) < 402 / TOGETHER + len(text) / 4 / 20 * 2


@given(st.lists(st.lists(st.text("abcß", min_size=1, max_size=40), min_size=2, max_size=4), max_size=80))
def test_what_is_asked_is_bounded_by_the_length_of_the_text(names: list[list[str]]) -> None:
    network = Network()
    text = "".join(f"so {' '.join(word.capitalize() for word in name)}, " for name in names)
    list(looked_again(text, words_of(text, {}), [], network))
    assert sum(map(len, network.asked)) <= sentence_characters(len(text)) + 3 * len(text)


@given(st.text(alphabet="aAbB vandelÅß.,:\n¿@-'", max_size=80))
def test_what_is_found_lies_in_the_text_and_has_letters_at_both_ends(text: str) -> None:
    for span in looked_again(text, words_of(text, {}), [], Network()):
        value = text[span.start : span.end]
        assert value[0].isalpha()
        assert value[-1].isalpha()
