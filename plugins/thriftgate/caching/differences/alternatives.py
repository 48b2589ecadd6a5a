"""Whether two questions differ only in which of two alternatives comes first: "tea or coffee?", "coffee or tea?".

That is no swap of roles, for "or" has none; but only where the alternatives are whole. "Old men or women" and "old
women or men" speak of other people: what stands before the first must not belong to it alone, nor what stands behind
the second. So an alternative begins with the text, behind a comma or a colon, behind a small word or behind one of the
verbs below, and ends with the text or before a small word.

Failure behaviour: pure and total. Linear: the first four "or" of a text are looked at, four words either way.
"""

from collections.abc import Iterator, Sequence

from thriftgate.caching.differences.lexicon import FUNCTION_WORDS, NEGATIONS, ROLE_WORDS
from thriftgate.caching.differences.surface import Surface

_OR = frozenset({"or", "oder", "ou", "o"})
_MOST, _LONGEST = 4, 4
_VERBS = frozenset({
    "take", "choose", "pick", "buy", "use", "prefer", "drink", "eat", "order", "accept", "offer", "ship", "sell",
    "rent", "book", "try", "see", "visit", "watch", "learn", "play", "read", "recommend", "support",
    "nehme", "wähle", "kaufe", "trinke", "prendre", "choisir", "acheter", "boire", "prends", "choisis",
    "tomar", "elegir", "comprar", "beber", "prefiero", "prendere", "scegliere", "comprare", "bere", "escolher",
})  # fmt: skip
"""What follows these is their object, and nothing that describes the next word."""
_DEGREES = frozenset({"very", "too", "so", "just", "also", "again", "as", "how", "all"})
"""Small words that belong to the next one: "very old or sick"."""
_STOPS = NEGATIONS | _OR | {"and", "und", "et", "y", "e", "en", "than", "als", "que", "if", "wenn", "si", "se"}
"""What no alternative has in it."""
_ORDER = frozenset({
    "first", "second", "last", "former", "latter", "left", "right", "before", "after", "erste", "ersten", "erstes",
    "letzte", "letzten", "letztes", "zuerst", "zuletzt", "premier", "première", "dernier", "dernière", "primero",
    "primera", "último", "última", "primo", "prima", "ultimo", "ultima", "primeiro", "primeira",
})  # fmt: skip
"""Where one of these is, the order itself may be what is asked: "which word comes last: love or war"."""


def is_alternatives_swapped(left: Surface, right: Surface) -> bool:
    """Whether the same two whole alternatives stand in another order, and all else in the same."""
    one, other = left.tokens, right.tokens
    if len(one) != len(other) or one == other or not _ORDER.isdisjoint(one):
        return False
    places = [place for place, word in enumerate(one) if word in _OR and 0 < place < len(one) - 1]
    return any(
        _is_whole(left, start, end) and _is_whole(right, start, end)
        for at in places[:_MOST]
        for start, end in _swaps(one, other, at)
    )


def _swaps(one: Sequence[str], other: Sequence[str], at: int) -> Iterator[tuple[int, int]]:
    """From where to where `other` has what stands around this "or" the other way round."""
    for start in range(at - 1, max(-1, at - 1 - _LONGEST), -1):
        for end in range(at + 2, min(len(one), at + 1 + _LONGEST) + 1):
            first, second = one[start:at], one[at + 1 : end]
            if not (_may_be_one(first) and _may_be_one(second)) or one[:start] != other[:start]:
                continue
            if one[end:] == other[end:] and other[start:end] == (*second, one[at], *first):
                yield start, end


def _may_be_one(phrase: Sequence[str]) -> bool:
    return _STOPS.isdisjoint(phrase) and (ROLE_WORDS.isdisjoint(phrase[1:]) and phrase[-1] not in ROLE_WORDS)


def _is_whole(seen: Surface, start: int, end: int) -> bool:
    """Whether nothing but the alternatives is described by what stands around them."""
    before = seen.tokens[start - 1] if start else ""
    behind = seen.tokens[end] if end < len(seen.tokens) else ""
    is_small = before in FUNCTION_WORDS and before not in _DEGREES
    is_free_before = not before or is_small or before in _VERBS or _ends_clause(seen, start - 1)
    return is_free_before and (not behind or behind in FUNCTION_WORDS or _ends_clause(seen, end - 1))


def _ends_clause(seen: Surface, place: int) -> bool:
    """Whether a comma or the like stands behind the word, as far as words and writing can be told to be the same."""
    written = seen.text.split()
    return len(written) == len(seen.tokens) and written[place][-1:] in ",:;.?!\u2014"
