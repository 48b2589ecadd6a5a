"""How toxic a text is: a small classifier over words, a lexicon of its own and the text's form.

Nothing so small is fit to block by default: it flags.

Failure behaviour: pure and total; linear in the length of the text.
"""

import math
from collections.abc import Sequence

from thriftgate.guards.classifier import Classifier
from thriftgate.guards.findings import Finding
from thriftgate.guards.hashing import hashed
from thriftgate.guards.linear import LinearPattern
from thriftgate.guards.windows import places

NAMES = ("profane", "slurs", "threats", "contempt", "second person", "exclamations", "upper case", "length")
_PATTERNS = (
    r"\b(?:f+u+c+k\w*|f\*+k\w*|motherf\w+|sh[i1]t\w*|bullshit|ass(?:hole|hat|wipe)?s?|dumbass|jackass|bitch\w*|"
    r"b\*tch\w*|bastards?|"
    r"dick(?:head)?s?|pricks?|cunts?|twats?|wankers?|piss(?:ed|ing)?|damn|crap|whores?|sluts?|cocks?|douche\w*|"
    r"scheiß\w*|scheiss\w*|"
    r"arschl\w+|fotze\w*|hure\w*|putain|merde|connard\w*|salope\w*|enculé\w*|puta\w*|mierda|cabr[oó]n\w*|cazzo|"
    r"stronz\w+|merda|"
    r"kut\w*|klootzak\w*|caralho|porra)\b",
    r"\b(?:nigg\w+|fagg?\w*|retard\w*|tranny|kike\w*|spic\b|chink\w*|coon\w*|dyke\w*|wetback\w*|paki\w*|"
    r"raghead\w*|redneck\w*|"
    r"white trash|libtard\w*|gook\w*|cripple\w*)\b",
    r"\b(?:kill (?:your|them|all|him|her|the)|(?:should|must|deserve to|hope (?:you|they)) (?:die|be (?:killed|"
    r"shot|hanged|beaten))|"
    r"go die|kys|rape\w*|exterminat\w+|gas (?:them|the)|burn in hell|shoot (?:them|him|her|you)|beat (?:you|"
    r"them) up)\b",
    r"\b(?:scum\w*|vermin|filth\w*|trash|garbage|idiot\w*|moron\w*|stupid\w*|dumb\w*|disgust\w+|pathetic|"
    r"losers?|worthless|"
    r"inferior|parasit\w+|animals|savages?|cockroach\w*|shut up|hate (?:you|them|all|women|men|gay|black|"
    r"muslim\w*|jew\w*)|"
    r"fat (?:ass|pig|cow)|ugly|clowns?|imbecile\w*|coward\w*|brainless|brain ?dead|suck(?:s|ed)?)\b",
    r"\b(?:you|your|you're|ur|u)\b",
)
_COMPILED = tuple(LinearPattern(pattern) for pattern in _PATTERNS)
_MOST = 3


def toxicity_features(text: str) -> Sequence[float]:
    """One number for each of `NAMES`."""
    length = max(1, len(text))
    counts = [pattern.count(text, most=_MOST) / _MOST for pattern in _COMPILED]
    letters = max(1, sum(char.isalpha() for char in text))
    upper = sum(char.isupper() for char in text) / letters
    return (*counts, min(1.0, text.count("!") / 3), upper, math.log1p(length) / 8)


def toxic(text: str, classifier: Classifier) -> Finding | None:
    """The worst window of a text, whatever its score; None for an empty text."""
    best: Finding | None = None
    for start, end in places(len(text)):
        piece = text[start:end]
        if not piece.strip():
            continue
        score = classifier.without.score(hashed(piece), toxicity_features(piece))
        if best is None or score > best.score:
            best = Finding("toxicity", "classifier", score, start, end)
    return best
