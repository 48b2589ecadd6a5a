"""The forms of regular verbs in French, Spanish, Italian and Portuguese: who does it, and what has been done.

"Abro la puerta" and "cierro la puerta" differ as "abrir" and "cerrar" do. Tables of opposites name an infinitive, and
what is irregular; the rest is made here. A form that nobody uses does no harm.

Failure behaviour: pure and total; a word that is no infinitive has no further forms.
"""

from collections.abc import Iterator, Mapping

from thriftgate.caching.differences.lexicon import FUNCTION_WORDS, NEGATIONS, ROLE_WORDS

_ENDINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    language: {ending: tuple(forms.split()) for ending, forms in endings.items()}
    for language, endings in {
        "fr": {"er": "e es ons ez ent é ée és ées"},
        "es": {
            "ar": "o a amos an e en ado ada ados adas",
            "er": "o e emos en a an ido ida idos idas",
            "ir": "o e imos en a an ido ida idos idas",
        },
        "it": {
            "are": "o a iamo ano i ino ato ata ati ate",
            "ere": "o e iamo ono i a uto uta uti ute",
            "ire": "o e iamo ono i a ito ita iti ite",
        },
        "pt": {
            "ar": "o a amos am e em ado ada ados adas",
            "er": "o e emos em a am ido ida idos idas",
            "ir": "o e imos em a am ido ida idos idas",
        },
    }.items()
}
_OTHER_WORDS = frozenset({"sala"})
"""What a rule makes of a verb and is another word: of "salir" a hall."""
_LEAST_STEM = 3
"""Letters that a stem has at least: of shorter ones too many forms are other words."""

_NO_FORMS = FUNCTION_WORDS | NEGATIONS | ROLE_WORDS | _OTHER_WORDS


def inflected(language: str, word: str) -> Iterator[str]:
    """A word and, where it is an infinitive of the language, its regular forms that are no small words."""
    yield word
    for ending, forms in _ENDINGS.get(language, {}).items():
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _LEAST_STEM:
            made = (stem + form for form in forms)
            # "Parar" makes "para", which is "for" as well.
            yield from (one for one in made if one not in _NO_FORMS)
