"""Constructions of English in which one small form makes another question of the same words.

"Stop to smoke" and "stop smoking", "used to live" and "am used to living", "few" and "a few", "everyone but Tom" and
"everyone and Tom", "What eats a snake?" and "What does a snake eat?" have nearly one vector each.

Failure behaviour: pure and total, in time linear in the text. A text in another language has none of them.
"""

from collections.abc import Mapping, Sequence

from thriftgate.caching.differences.reading import Reading, stem

_BEFORE_A_VERB: Mapping[str, str] = {
    form: verb
    for verb, forms in {
        "stop": "stop stops stopped stopping",
        "remember": "remember remembers remembered remembering",
        "forget": "forget forgets forgot forgotten forgetting",
        "try": "try tries tried trying",
        "regret": "regret regrets regretted regretting",
        "go on": "on",
    }.items()
    for form in forms.split()
}
"""Verbs that mean one thing before "to do" and another before "doing"."""
_GOING = frozenset({"go", "goes", "going", "went", "gone"})
_BEING = frozenset({"am", "is", "are", "was", "were", "be", "been", "being", "get", "gets", "got", "getting", "not"})
_EVERY = frozenset({"all", "everyone", "everybody", "everything", "anyone", "anything", "nobody", "nothing", "none"})
_ASKING = frozenset({"what", "which", "who"})
_DOING = frozenset({"do", "does", "did"})
_MODALS = frozenset({"can", "could", "should", "would", "will", "may", "might", "must", "shall"})
_NO_SUBJECTS = frozenset({"i", "you", "we", "he", "she", "it", "they", "to", "if", "when", "with", "about", "for"})
_TIMES = frozenset({"seconds", "minutes", "hours", "days", "weeks", "months", "years", "times", "moments"})
"""Before these people leave out the "a" of "a few"."""
_SUBJECTS = frozenset({"i", "you", "we", "he", "she", "it", "they"})
_BEFORE_TO = {"have": "duty", "need": "duty", "get": "favour", "want": "wish", "like": "wish"}
"""What is asked for with "do I … to"."""
_NEAR = 3
"""Words in which "do" may follow "which"."""


def is_built_otherwise(left: Reading, right: Reading) -> bool:
    """Whether both have one of the constructions, each in another form, or ask for the doer and for what is done."""
    ours, theirs = _forms(left.words), _forms(right.words)
    if any(name in theirs and theirs[name] != form for name, form in ours.items()):
        return True
    if left.content != right.content or _order(left) == _order(right):
        return False
    ways = {_way_of_asking(left.words), _way_of_asking(right.words)}
    return ways == {"what is done", "who does it"}


def _forms(words: Sequence[str]) -> Mapping[str, str]:
    """By construction and the word that it is about, the form that it has first."""
    found: dict[str, str] = {}
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        behind = words[place + 1] if place + 1 < len(words) else ""
        if word in _BEFORE_A_VERB and (word != "on" or before in _GOING):
            verb = _BEFORE_A_VERB[word]
            if behind == "to" and place + 2 < len(words):
                found.setdefault(f"{verb} {stem(words[place + 2])}", "to")
            elif behind.endswith("ing"):
                found.setdefault(f"{verb} {stem(behind)}", "ing")
        elif word == "used" and behind == "to":
            is_customary = before in _BEING or before.endswith(("'m", "'re", "'s", "n't"))
            found.setdefault("used to", "be" if is_customary else "past")
        elif word in _BEFORE_TO and behind == "to" and before in _SUBJECTS and words[max(0, place - 2)] in _DOING:
            found.setdefault("to", _BEFORE_TO[word])
        elif word in ("few", "little") and behind not in _TIMES:
            found.setdefault(f"{word} {behind}", "a" if before == "a" else "")
        elif word in _EVERY:
            found.setdefault(word, "but" if behind == "but" else "")
    return found


def _way_of_asking(words: Sequence[str]) -> str:
    """Whether "what", "which" or "who" stands for what is done or for who does it; empty where neither can be told."""
    way = ""
    for place, word in enumerate(words[:-1]):
        near = words[max(0, place - _NEAR) : place]
        if word == "whom":
            return "what is done"
        if word in _ASKING:
            way = way or "who does it"
        elif not _ASKING.isdisjoint(near):
            if word in _MODALS:
                return ""
            if word in _DOING:
                return "" if words[place + 1] in _NO_SUBJECTS else "what is done"
    return way


def _order(reading: Reading) -> Sequence[str]:
    return [stem for stem in reading.stems if stem in reading.content]
