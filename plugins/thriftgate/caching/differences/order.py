"""Whether two questions say the same words about each other the other way round: "from A to B", "8 minus 3".

Three looks, from the narrowest to the widest. The same words in another order are a swap, unless a whole phrase moved
from one end to the other. Words of one kind (numbers, letters, names, rivals) that change places are one, unless each
keeps its preposition or its noun. Words that cross over around a preposition are one, however the rest is put.

Failure behaviour: pure and total, in time linear in the texts (sorting apart).
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from thriftgate.caching.differences.contrasts import OPPOSITES, RIVALS
from thriftgate.caching.differences.lexicon import DATES, MOVABLE_WORDS, ROLE_WORDS
from thriftgate.caching.differences.reading import Reading, stem
from thriftgate.caching.differences.surface import Surface

_REACH = 4
"""Words before something in which its preposition may stand."""
_WINDOW = 3
"""Meaningful words beside a preposition that it speaks about."""
_CONDITIONS = frozenset({
    "if", "when", "once", "because", "although", "wenn", "falls", "sobald", "weil", "obwohl", "si", "quand", "lorsque",
    "cuando", "se", "quando", "als", "wanneer", "zodra", "omdat",
})  # fmt: skip
"""What begins a clause that may stand before or behind the other: "if I cancel"."""
_KINDS: dict[str, list[str]] = {}
"""Of each rival and opposite; a word has several opposites ("cancel": keep, confirm, subscribe)."""
for _number, _words in enumerate([*RIVALS, *(one | other for one, other in OPPOSITES)]):
    for _word in _words:
        _KINDS.setdefault(_word, []).append(f"kind {_number}")

_FAR = 5
"""Meaningful words on either side of a verb that may be who does it, or to whom it is done."""
_PERSONS: Mapping[str, tuple[str, str]] = {
    **{doer: (doer, "doer") for doer in ("i", "we", "he", "she", "they", "ich", "wir", "er", "ik")},
    "me": ("i", ""), "us": ("we", ""), "him": ("he", ""), "her": ("she", ""), "them": ("they", ""),
    "mich": ("ich", ""), "mir": ("ich", ""), "uns": ("wir", ""), "ihn": ("er", ""), "ihm": ("er", ""),
    "mij": ("ik", ""), "you": ("you", "either"),
}  # fmt: skip
_OWNERS: Mapping[str, str] = {
    "my": "i", "mine": "i", "our": "we", "his": "he", "their": "they",
    "mein": "ich", "meine": "ich", "meinen": "ich", "mijn": "ik",
}  # fmt: skip
_OTHERS: Mapping[str, str] = {
    word: words.split()[0]
    for words in (
        "#he he him his himself er ihn ihm seine seinen hij hem il él",
        "#she she her hers herself haar elle ella",
        "#they they them their theirs themselves ils elles",
    )
    for word in words.split()
}
_WHO = frozenset(_OTHERS.values())
_ASKED = frozenset({"who", "whom", "whose", "wer", "wen", "wem", "wessen"})
_FIRST_PERSONS = frozenset({"je", "j'ai", "yo", "puedo", "io", "posso", "eu", "peux", "puis-je", "peux-je"})
"""Who does it, where no form of it says to whom: "puedo" is "can I"."""
_MODALS = frozenset(
    {"puede", "puedo", "può", "posso", "pode", "peut", "peux", "peut-il", "peut-elle", "puis-je", "able"}
)
_OF = frozenset(
    {
        "of",
        "van",
        "von",
        "de",
        "di",
        "da",
        "do",
        "del",
        "della",
        "dos",
        "das",
        "du",
        "des",
        "meines",
        "meiner",
        "seines",
        # "My contract with my employer" is one of my employer's.
        "with",
        "mit",
        "met",
        "avec",
        "con",
        "com",
    }
)
_CONTRACTED = frozenset(
    {"it's", "what's", "that's", "there's", "who's", "where's", "how's", "here's", "let's", "when's"}
)
_Sides = tuple[Mapping[str, str], Mapping[str, str]]
Places = Mapping[str, tuple[int, str, str]]


def is_reordered(left: Surface, right: Surface) -> bool:
    """The same words in another order, and not just with a phrase moved from one end to the other."""
    one, other = _stemmed(left.tokens), _stemmed(right.tokens)
    if one == other or len(one) != len(other) or Counter(one) != Counter(other):
        return False
    fixed = [[word for word in seen.tokens if word not in MOVABLE_WORDS] for seen in (left, right)]
    if _stemmed(fixed[0]) == _stemmed(fixed[1]):
        return False
    return not (_is_phrase_moved(one, other) or _are_phrases_swapped(one, other))


def is_exchanged(left: Surface, left_names: frozenset[str], right: Surface, right_names: frozenset[str]) -> bool:
    """Two things of one kind have changed places, and neither kept its preposition or its noun."""
    ours, theirs = _places(left, left_names), _places(right, right_names)
    shared = [word for word in ours if word in theirs]
    by_kind: dict[str, list[str]] = {}
    for word in shared:
        for kind in _kinds(word, left_names & right_names):
            by_kind.setdefault(kind, []).append(word)
    for words in by_kind.values():
        if sorted(words, key=lambda word: ours[word][0]) == sorted(words, key=lambda word: theirs[word][0]):
            continue
        if _keep_their_clauses(words, ours, theirs):
            continue
        nouns = Counter(ours[word][2] for word in words)
        for word in words:
            (_, role, noun), (_, other_role, other_noun) = ours[word], theirs[word]
            if role != other_role or not (role or (noun and noun == other_noun and nouns[noun] == 1)):
                return True
    return False


def _keep_their_clauses(words: Sequence[str], ours: Places, theirs: Places) -> bool:
    """Whether one of two stands behind its "if" in both and the other does not: the clauses have changed places."""
    roles = [ours[word][1] for word in words]
    is_kept = roles == [theirs[word][1] for word in words]
    return is_kept and len(words) == 2 and sum(role in _CONDITIONS for role in roles) == 1


def is_crossed(left: Reading, right: Reading) -> bool:
    """Two meaningful words have changed sides around a preposition, or changed prepositions."""
    ours, theirs = _sides(left), _sides(right)
    sides = [side for side in ours if side in theirs]
    moved: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for side in sides:
        for word in ours[side] - theirs[side]:
            moved.setdefault(("left", word), set()).add(side)
        for word in theirs[side] - ours[side]:
            moved.setdefault(("right", word), set()).add(side)
    ways = {
        (here, there)
        for (whose, word), homes in moved.items()
        if whose == "left"
        for here in homes
        for there in moved.get(("right", word), ())
    }
    return any((there, here) in ways for here, there in ways)


def is_turned_round(left: Reading, right: Reading) -> bool:
    """Who does it and to whom it is done have changed places: "Can I sue my landlord?", "Can my landlord sue me?"."""
    if left.content == right.content and {"who", "whom"} & set(left.words) & set(right.words):
        order = [[stem for stem in one.stems if stem in one.content] for one in (left, right)]
        if order[0] != order[1]:
            return True
    owners = [
        {word.removesuffix("'s") for word in one.words if word.endswith("'s") and word not in _CONTRACTED}
        for one in (left, right)
    ]
    if all(owners) and owners[0] != owners[1] and left.content == right.content:
        return True
    ours, theirs = _parts(left), _parts(right)
    shared = [stemmed for stemmed in ours if stemmed in theirs]
    return any(
        _is_turned(ours[stemmed], theirs[stemmed]) or _is_turned(theirs[stemmed], ours[stemmed]) for stemmed in shared
    )


def is_done_by_another(left: Reading, right: Reading) -> bool:
    """Whether who does it has become whose it is, or to whom it is done: "Who can see my posts", "Whose can I see"."""
    if set(_core(left)) != set(_core(right)):
        return False
    if not _ASKED.isdisjoint(left.words) and not _ASKED.isdisjoint(right.words):
        ours, theirs = _forms(left), _forms(right)
        for person in ours.keys() & theirs.keys():
            if ours[person].isdisjoint(theirs[person]) and "doer" in ours[person] | theirs[person]:
                return True
    return _does_what_is_the_owners(left, right) or _does_what_is_the_owners(right, left)


def is_told_of_others(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether all that differs is who is "he" and who is "she": "He told her that she won"."""
    if len(ours) != len(theirs) or ours == theirs:
        return False
    pairs = [(_OTHERS.get(one, one), _OTHERS.get(other, other)) for one, other in zip(ours, theirs, strict=True)]
    changed = [(one, other) for one, other in pairs if one != other]
    return bool(changed) and all(one in _WHO and other in _WHO for one, other in changed)


def _core(reading: Reading) -> list[str]:
    """The meaningful words in their order, without persons and what belongs to their verbs."""
    return [
        stemmed
        for word, stemmed in zip(reading.words, reading.stems, strict=True)
        if stemmed in reading.content and not (word in _PERSONS or word in _MODALS or _is_small(word))
    ]


def _is_small(word: str) -> bool:
    return word in _FIRST_PERSONS or word in _OF or word in _OWNERS or word in _ASKED


def _forms(reading: Reading) -> Mapping[str, set[str]]:
    """How each person is spoken of: who does it, to whom it is done, or whose it is."""
    found: dict[str, set[str]] = {}
    for word in reading.words:
        person, form = _PERSONS.get(word) or (_OWNERS.get(word, ""), "owner")
        if person:
            found.setdefault(person, set()).add(form or "object")
    return found


def _does_what_is_the_owners(one: Reading, other: Reading) -> bool:
    """Whether somebody does with a thing of X in one question what X does with it in the other."""
    if not any(_is_doer(word) for word in one.words) or any(_is_doer(word) for word in other.words):
        return False
    # Side by side the two are one thing of whoever asks: "my account address".
    return any(
        owner in other.stems and owned in other.stems and other.stems.index(owner) + 1 < other.stems.index(owned)
        for owner, owned in _owned(one)
    )


def _is_doer(word: str) -> bool:
    return word in _FIRST_PERSONS or _PERSONS.get(word, ("", ""))[1] == "doer"


def _owned(reading: Reading) -> list[tuple[str, str]]:
    """Each owner with what is theirs: "my boss's mail", "de mail van mijn baas"."""
    found: list[tuple[str, str]] = []
    core = frozenset(_core(reading))
    units = list(zip(reading.words, reading.stems, strict=True))
    for place, (word, stemmed) in enumerate(units):
        behind = next((one for _, one in units[place + 1 : place + 4] if one in core), "")
        if word.endswith("'s") and word not in _CONTRACTED and behind:
            found.append((stemmed, behind))
        before = units[place - 1][1] if place else ""
        if word in _OF and before in core and behind:
            found.append((behind, before))
    return found


def _is_turned(one: _Sides, other: _Sides) -> bool:
    """Whether a person who does it has it done to them by who or what it was done to."""
    (before, behind), (other_before, other_behind) = one, other
    return any(
        form == "doer" and other_behind.get(unit) == "" and any(u != unit and u in other_before for u in behind)
        for unit, form in before.items()
    )


def _parts(reading: Reading) -> Mapping[str, _Sides]:
    """What stands before and behind each meaningful word where it stands first: other such words, and persons."""
    units: list[tuple[str, str]] = []
    last = len(reading.words) - 1
    for place, (word, stemmed) in enumerate(zip(reading.words, reading.stems, strict=True)):
        if word in _PERSONS and not (word == "her" and place < last and reading.stems[place + 1] in reading.content):
            units.append(_PERSONS[word])
        elif stemmed in reading.content:
            units.append((stemmed, "thing"))
    found: dict[str, _Sides] = {}
    for place, (unit, form) in enumerate(units):
        if form == "thing" and unit not in found:
            found[unit] = (dict(units[max(0, place - _FAR) : place]), dict(units[place + 1 : place + 1 + _FAR]))
    return found


def _stemmed(tokens: Sequence[str]) -> list[str]:
    return [stem(token) if token.isalpha() else token for token in tokens]


def _is_phrase_moved(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether `other` is `one` with its first words put behind its last ones; one word alone is no phrase."""
    written = "\0" + "\0".join(one)
    turned = "\0" + "\0".join(other) + "\0"
    found = (written + written + "\0").find(turned)
    if found < 0:
        return False
    moved = written[:found].count("\0")
    return min(moved, len(one) - moved) >= 2


def _are_phrases_swapped(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether all that differs is the order of two phrases with a preposition each: "from A to B", "to B from A"."""
    head = next(place for place, (x, y) in enumerate(zip(one, other, strict=True)) if x != y)
    pairs = zip(reversed(one), reversed(other), strict=True)
    tail = len(one) - next(place for place, (x, y) in enumerate(pairs) if x != y)
    ours, theirs = list(one[head:tail]), list(other[head:tail])
    starts = [place for place, word in enumerate(ours) if word in ROLE_WORDS]
    if len(starts) != 2 or starts[0] != 0:
        return False
    return theirs == ours[starts[1] :] + ours[: starts[1]]


def _places(seen: Surface, names: frozenset[str]) -> Places:
    """Where what is of a kind and there once stands, its preposition or conjunction, and the word behind it."""
    counts = Counter(seen.tokens)
    found: dict[str, tuple[int, str, str]] = {}
    for place, word in enumerate(seen.tokens):
        if counts[word] != 1 or not _kinds(word, names):
            continue
        role = ""
        for before in reversed(seen.tokens[max(0, place - _REACH) : place]):
            if before in ROLE_WORDS or before in _CONDITIONS:
                role = before
                break
            if _kinds(before, names):
                break
        behind = seen.tokens[place + 1] if place + 1 < len(seen.tokens) else ""
        is_noun = behind.isalpha() and len(behind) > 1 and behind not in ROLE_WORDS and not _kinds(behind, names)
        found[word] = (place, role, behind if is_noun else "")
    return found


def _kinds(word: str, names: frozenset[str]) -> Sequence[str]:
    if any(map(str.isdigit, word)):
        return ("number",)
    if not word.isalnum():
        return ("symbol",) if not word.replace("-", "").replace("'", "").isalnum() else ()
    if len(word) == 1:
        return ("letter",) if word.isupper() or word not in "aiestdmyou" else ()
    if word in DATES:
        return ("date",)
    return _KINDS.get(word) or (("name",) if word in names else ())


def _sides(reading: Reading) -> dict[tuple[str, str], set[str]]:
    """For each preposition the meaningful words before it and behind it."""
    found: dict[tuple[str, str], set[str]] = {}
    before: list[str] = []
    behind: list[tuple[str, int]] = []
    for word, stemmed in zip(reading.words, reading.stems, strict=True):
        if word in ROLE_WORDS:
            found.setdefault((word, "before"), set()).update(before[-_WINDOW:])
            behind = [(word, _WINDOW)]
        elif stemmed in reading.content:
            before.append(stemmed)
            for role, _ in behind:
                found.setdefault((role, "behind"), set()).add(stemmed)
            behind = [(role, left - 1) for role, left in behind if left > 1]
    return found
