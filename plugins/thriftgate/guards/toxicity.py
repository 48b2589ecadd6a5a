"""How toxic a text is: a small classifier over words, and lexicons of its own, which count for most.

Nothing so small is fit to block by default: it flags.

Failure behaviour: pure and total; linear in the length of the text.
"""

from collections.abc import Sequence

from thriftgate.guards.classifier import Classifier
from thriftgate.guards.findings import Finding
from thriftgate.guards.hashing import hashed
from thriftgate.guards.linear import LinearPattern
from thriftgate.guards.texts.windows import places

NAMES = ("profane", "slurs", "threats", "contempt", "insults", "harsh words")
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
    r"\b(?:fool(?:s|ish)?|liars?|jerks?|creeps?|hypocrit\w*|bigot\w*|dip ?shits?|dimwits?|nitwits?|delusional|"
    r"lunatics?|psychos?|nut ?(?:job|case)s?|senile|vile|despicable|disgrac\w+|perverts?|pedos?|crooks?|traitors?|"
    r"goddamn\w*|wtf|stfu|gtfo|trolls?|incels?|simps?|spineless|gutless|brainwashed|clueless|shameless|cry ?bab\w+|"
    r"snowflakes?|lowlifes?|degenerates?|deplorables?|turds?|thugs?|maggots?|leeches|freaks?|weirdos?|bums?|"
    r"f[@&#$*%!]+c?k\w*|s[#@*$!|]+t|b[!@#*]tch\w*|pu\$+y|\w+tards?)\b",
    r"\b(?:lying|lies|creepy|racis\w+|nazis?|fascis\w+|terrorists?|commies?|marxists?|pigs?|rats?|ignoran\w+|"
    r"incompeten\w+|insane|crazy|nuts|sick|twisted|evil|shameful|ridiculous|predators?|criminals?|corrupt|treason\w*|"
    r"monsters?|demons?|satan\w*|hell|sheep|puppets?|useless|mindless|arrogant|lazy|whin\w+|jail|pathetic|stupid\w*|"
    r"hitler|butt|ass)\b",
)
_COMPILED = tuple(LinearPattern(pattern) for pattern in _PATTERNS)
_MOST = 3


def toxicity_features(text: str) -> Sequence[float]:
    """One number for each of `NAMES`."""
    return [pattern.count(text, most=_MOST) / _MOST for pattern in _COMPILED]


def toxic(text: str, classifier: Classifier) -> Finding | None:
    """The worst window of a text, whatever its score; None for an empty text."""
    best: Finding | None = None
    for start, end in places(len(text)):
        piece = text[start:end]
        if not piece.strip():
            continue
        score = classifier.words.score(hashed(piece), toxicity_features(piece))
        if best is None or score > best.score:
            best = Finding("toxicity", "classifier", score, start, end)
    return best
