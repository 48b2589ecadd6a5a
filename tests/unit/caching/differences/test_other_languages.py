"""In a language without lists of opposites, negations and numbers only the same words are answered from the cache."""

import pytest

from thriftgate.caching.differences.guards import Veto, first_veto
from thriftgate.caching.differences.reading import read

OPPOSITES = {
    "Polish": ("Jak otworzyc konto", "Jak zamknac konto"),
    "Polish, longer": ("Jak włączyć powiadomienia w aplikacji", "Jak wyłączyć powiadomienia w aplikacji"),
    "Turkish": ("Bildirimleri nas\u0131l açabilirim", "Bildirimleri nas\u0131l kapatabilirim"),
    "Turkish, plain letters": ("Hesap acmak istiyorum", "Hesap kapatmak istiyorum"),
    "Swedish": ("Jag vill aktivera mitt kort", "Jag vill avaktivera mitt kort"),
    "Danish": ("Hvordan åbner jeg en konto", "Hvordan lukker jeg en konto"),
    "Norwegian": ("Hvordan kan jeg aktivere kortet", "Hvordan kan jeg deaktivere kortet"),
    "Finnish": ("Miten avaan tilin", "Miten suljen tilin"),
    "Czech": ("Jak zapnu oznámení", "Jak vypnu oznámení"),
    "Romanian": ("Cum pot deschide un cont", "Cum pot inchide un cont"),
    "Hungarian": ("Hogyan nyithatok számlát", "Hogyan zárhatok számlát"),
    "Croatian": ("Kako mogu otvoriti racun", "Kako mogu zatvoriti racun"),
    "Indonesian": ("Bagaimana cara membuka rekening", "Bagaimana cara menutup rekening"),
    "Vietnamese": ("Làm sao để mở tài khoản", "Làm sao để đóng tài khoản"),
    "Swahili": ("Ninawezaje kufungua akaunti", "Ninawezaje kufunga akaunti"),
    "Catalan": ("Com puc obrir un compte", "Com puc tancar un compte"),
    "Russian": ("как открыть счёт", "как закрыть счёт"),
    "Arabic": ("كيف أفتح حسابي", "كيف أغلق حسابي"),
    "Japanese": ("通知をオンにする方法", "通知をオフにする方法"),
    "Chinese": ("如何打开通知", "如何关闭通知"),
    "Korean": ("계좌를 여는 방법", "계좌를 닫는 방법"),
    "Thai": ("วิธีเปิดบัญชี", "วิธีปิดบัญชี"),
    "Greek": ("πώς ανοίγω λογαριασμό", "πώς κλείνω λογαριασμό"),
    "Hebrew": ("איך לפתוח חשבון", "איך לסגור חשבון"),
    "Hindi": ("खाता कैसे खोलें", "खाता कैसे बंद करें"),
}


@pytest.mark.parametrize("language", OPPOSITES)
def test_opposites_that_no_list_knows_are_not_answered_alike(language: str):
    assert first_veto(*OPPOSITES[language]) is Veto.SCRIPT


@pytest.mark.parametrize("language", OPPOSITES)
def test_the_same_words_pass_in_every_language(language: str):
    assert first_veto(OPPOSITES[language][0], OPPOSITES[language][0]) is None


@pytest.mark.parametrize(
    "question",
    [
        "card not working",
        "I want to transfer money to Łódź",
        "Who is the president, Erdoğan?",
        "wo ist meine Karte",
        "où est ma carte",
        "no puedo abrir mi cuenta",
        "posso usare la carta in Polonia",
        "como posso cancelar o cartão",
        "hoe zet ik het licht aan",
        "mijn rekening sluiten",
        "refund status please",
    ],
)
def test_languages_with_word_lists_keep_them_also_beside_a_foreign_name(question: str):
    assert read(question).has_word_lists
