"""What the network takes for a name and is an ordinary word or a maker's.

The network sees no capitals, so that "lampe cassée" behind a name is another one, and of "Miele tropft" both words are.
`ordinary_words.txt` has the commonest words of the languages that it knows, without those that are names too
(`evals/privacy/ordinary.py`, see NOTICE); `makers.txt` has makers and shops that hardly anybody is called after. What
is written as a name stays one, but for two ordinary words or more ("Camisa Azul"); a maker is nobody where no given
name stands beside it.

Failure behaviour: pure and total. Linear.
"""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from thriftgate.privacy.recognizers.people import given_names
from thriftgate.stores.rampart.surnames import is_surname

PARTICLES = frozenset({
    "van", "von", "vom", "zu", "zum", "zur", "de", "der", "den", "del", "della", "di", "da", "das", "do", "dos", "du",
    "la", "le", "el", "al", "ter", "ten", "te", "bin", "ibn", "y", "e",
})  # fmt: skip
"""Small words that stand in names."""
_SHORT, _LONG = 3, 4
"""Letters; names of many languages are as short as other languages' small words."""
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def is_ordinary(word: str) -> bool:
    """Whether it is one of the commonest words of its language, and no name."""
    return word.lower() in _listed("ordinary_words.txt")


def are_ordinary(words: Iterable[str]) -> bool:
    """Whether all of them are, or small words that stand in names."""
    return all(word in PARTICLES or is_ordinary(word) for word in words)


def is_listed_name(word: str) -> bool:
    """Whether it is a common given name or surname, in whatever case."""
    return word.title() in given_names() or is_surname(word)


def without_ordinary_words(text: str, start: int, end: int) -> tuple[int, int]:
    """A span of a name without the ordinary words in lower case at its ends; an empty one where nobody is left."""
    words = list(_WORD.finditer(text, start, end))
    if _are_nobody([word[0] for word in words]):
        return start, start
    first, last = 0, len(words)
    while first < last and _is_small(words[first][0]):
        first += 1
    while last > first and _is_small(words[last - 1][0]):
        last -= 1
    if first < last and _is_makers([word[0] for word in words[first:last]]):
        return start, start
    if text[start:end].islower():
        return start, end  # "marta koning" and "koning" in a row of ordinary words look alike
    return (words[first].start() if first else start), (words[last - 1].end() if last < len(words) else end)


def _are_nobody(words: list[str]) -> bool:
    """True for ordinary words in lower case, and two or more with capitals ("Camisa Azul"), unless short: "Li Na"."""
    if not words or not are_ordinary(word.lower() for word in words):
        return False
    longest = max(len(word) for word in words)
    if all(word.islower() for word in words):
        return longest >= _LONG
    shortest = min((len(word) for word in words if word.lower() not in PARTICLES), default=0)
    are_written_so = sum(not word.islower() for word in words) > 1
    return are_written_so and longest > _LONG and shortest >= _SHORT


def _is_small(word: str) -> bool:
    return word.islower() and is_ordinary(word)


def _is_makers(words: list[str]) -> bool:
    """True where a maker stands first, or alone has a capital, and for a surname before its product ("Ford Focus")."""
    rest = [word.lower() for word in words if word.lower() not in PARTICLES]
    if not rest:
        return False
    makers = _listed("makers.txt")
    products = _PRODUCTS.get(rest[0], frozenset[str]())
    others = [word for word in rest[1:] if word not in products]
    # Beside a maker may stand who wrote of it, with no sign between: "Ford Focus Peter Rauch".
    is_about_somebody = any(map(is_listed_name, others))
    if tuple(rest) in _CALLED_AFTER_PEOPLE or (len(others) < len(rest) - 1 and not is_about_somebody):
        return True
    if is_about_somebody or any(word.title() in given_names() for word in words):
        return False
    is_unknown = bool(others) and not makers.issuperset(others) and (words[-1].istitle() or not are_ordinary(others))
    if rest[0] in _NAMES_TOO and is_unknown:
        return False
    capital = [word.lower() for word in words if not word.islower()]
    return rest[0] in makers or (bool(capital) and makers.issuperset(capital))


@cache
def _listed(name: str) -> frozenset[str]:
    return frozenset((files("thriftgate.stores.rampart") / name).read_text(encoding="utf-8").split())


_CALLED_AFTER_PEOPLE = frozenset({
    ("michael", "kors"), ("ralph", "lauren"), ("calvin", "klein"), ("tommy", "hilfiger"), ("hugo", "boss"),
    ("levi", "strauss"), ("jack", "wolfskin"), ("johnnie", "walker"), ("yves", "rocher"),
    ("yves", "saint", "laurent"), ("louis", "vuitton"), ("christian", "dior"), ("jimmy", "choo"), ("karl", "lagerfeld"),
    ("giorgio", "armani"), ("emporio", "armani"), ("leroy", "merlin"),
    ("albert", "heijn"), ("jp", "morgan"), ("morgan", "stanley"), ("wells", "fargo"), ("merrill", "lynch"),
    ("warner", "bros"), ("harley", "davidson"), ("rolls", "royce"), ("alfa", "romeo"), ("land", "rover"),
    ("range", "rover"), ("aston", "martin"), ("royal", "enfield"), ("royal", "mail"), ("ray", "ban"), ("dr", "oetker"),
    ("dr", "martens"), ("marks", "spencer"), ("uncle", "ben's"), ("john", "deere"), ("victoria's", "secret"),
})  # fmt: skip
"""Whole names of makers and shops in which a given name or a surname stands, and that few people have (not "Paul
Smith")."""
_NAMES_TOO = frozenset({"siri", "rav", "astra", "avis", "clio", "kona"})
"""Makers and products that people are called as well: with another word they are somebody."""
_PRODUCTS = {
    maker: frozenset(products.split())
    for maker, products in {
        "ford": "focus fiesta mondeo transit mustang kuga puma ranger explorer bronco raptor",
        "mercedes": "benz sprinter vito citan actros amg",
        "porsche": "cayenne macan taycan panamera boxster cayman carrera",
        "renault": "clio twingo megane mégane captur kadjar zoe scenic scénic espace trafic kangoo austral",
        "chevrolet": "camaro corvette silverado tahoe malibu impala suburban spark",
        "honda": "civic accord jazz odyssey goldwing",
        "suzuki": "swift vitara ignis jimny alto baleno",
        "jeep": "wrangler cherokee renegade compass gladiator",
        "lloyds": "bank",
        "santander": "bank consumer",
        "braun": "oral series multiquick silk",
        "philips": "hue sonicare senseo airfryer avent lumea ambilight",
        "dyson": "airwrap supersonic corrale",
        "bosch": "indego tassimo serie professional",
        "miele": "complete triflex",
        "alexa": "echo skill app",
        "dacia": "logan spring jogger lodgy dokker",
        "kia": "ceed niro soul stonic rio sorento",
    }.items()
}
"""Makers that people are called after → names of their products."""
