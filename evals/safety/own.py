"""Attacks and their harmless twins made of the parts in own.json, in eight languages: only trained on, never a test.

Each family of attacks stands beside harmless texts of the same words and form: who asks an assistant to forget its
rules, and who asks it to forget the last example; an e-mail that gives orders to whatever reads it, and one that asks
a person for something; and any harmless sentence with a word that attacks like. The first lists were written without
the public sets, and lengthened (verbs, what is asked for, what is planted) after misses of S-Labs, BIPIA and the seven
languages had been read: leaving those out is therefore no test of a stranger's hand.
"""

import json
import random
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from thriftgate.guards.texts.windows import SIZE

Draw = random.Random
_PARTS: Mapping[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


def own_attacks(passages: Sequence[str], count: int, *, seed: int = 5) -> list[str]:
    """Attacks of every family in turn; some planted in one of the harmless `passages`."""
    draw = Draw(seed)
    planted = partial(_planted, passages=passages)
    families = (_order, _order, _ask, _ask, _self, _harm, _marked, _plea, _order, planted, planted)
    return list(dict.fromkeys(families[number % len(families)](draw) for number in range(count)))


def own_harmless(count: int, *, seed: int = 6) -> list[str]:
    """The twins."""
    draw = Draw(seed)
    return list(
        dict.fromkeys(_filled(draw, draw.choice(draw.choice((_PARTS["twins"], _PARTS["uses"])))) for _ in range(count))
    )


def own_requests(count: int, *, seed: int = 9) -> list[str]:
    """What people at work ask of each other, in orders and with the words that attacks are full of: harmless.

    Their form is NotInject's, which was read at the quarter that sets the threshold before these were written.
    """
    draw = Draw(seed)
    parts: Mapping[str, Sequence[str]] = _PARTS["requests"]
    found: dict[str, None] = {}
    while len(found) < count:
        word = draw.choice(_PARTS["words"])
        said = " ".join(draw.choice(parts[name]) for name in ("who", "do", "what", "end")).strip()
        said = said.replace(" ,", ",").replace(" .", ".").format(w=word, W=word.upper())
        found[_shouted(draw, said) if draw.random() < 0.25 else said] = None
    return list(found)


def own_handling(count: int, *, seed: int = 11) -> list[str]:
    """What attacks do to rules, done to the things of a day: harmless, in English.

    The same in eight more languages took from the attacks in seven languages what it found (.62 of them left out, then
    .37).
    """
    draw = Draw(seed)
    parts: Mapping[str, Sequence[str]] = _PARTS["handling"]
    found: dict[str, None] = {}
    while len(found) < count:
        said = draw.choice(parts["frames"]).format(
            verb=draw.choice(parts["verbs"]), thing=draw.choice(parts["things"]), end=draw.choice(parts["ends"])
        )
        if draw.random() < 0.04:
            said = draw.choice(parts["questions"])
        found[_shouted(draw, said) if draw.random() < 0.2 else said] = None
    return list(found)


def _shouted(draw: Draw, said: str) -> str:
    """With one word in capitals."""
    words = said.split()
    place = draw.randrange(len(words))
    words[place] = words[place].upper()
    return " ".join(words)


def _order(draw: Draw) -> str:
    verbs, things, ends = _PARTS["orders"][_language(draw)]
    said = f"{draw.choice(verbs)} {draw.choice(things)} {draw.choice(ends)}".strip()
    return _twisted(draw, said)


def _ask(draw: Draw) -> str:
    verbs, things = _PARTS["asks"][_language(draw)]
    said = f"{draw.choice(verbs)} {draw.choice(things)}"
    return _twisted(draw, said + draw.choice(("", "?", "")))


def _self(draw: Draw) -> str:
    starts, selves, ends = _PARTS["selves"][_language(draw)]
    return _twisted(draw, f"{draw.choice(starts)} {draw.choice(selves)} {draw.choice(ends)}".strip())


def _harm(draw: Draw) -> str:
    return draw.choice(_PARTS["frames"]).format(draw.choice(_PARTS["harm"]))


def _plea(draw: Draw) -> str:
    return draw.choice(_PARTS["pleas"]).format(draw.choice(_PARTS["asks"]["en"][1]))


def _marked(draw: Draw) -> str:
    inner = draw.choice((_order, _ask, _self))(draw)
    if draw.random() < 0.4:
        inner = draw.choice(_PARTS["acts"])
    return draw.choice(_PARTS["marks"]).format(inner)


def _planted(draw: Draw, passages: Sequence[str]) -> str:
    order = draw.choice(_PARTS["planted"]).format(
        ad=draw.choice(_PARTS["ads"]),
        code=draw.choice(_PARTS["codes"]),
        act=draw.choice(_PARTS["acts"]),
        line=draw.choice(_PARTS["lines"]),
        question=draw.choice(_PARTS["questions"]),
    )
    kind = draw.random()
    if kind < 0.35:
        order = f"{draw.choice(_PARTS['verbs'])} {draw.choice(_PARTS['what'])} {draw.choice(_PARTS['where'])}."
    elif kind < 0.5:
        order = draw.choice(_PARTS["shows"]).format(draw.choice(_PARTS["codes"]))
    if draw.random() < 0.2:
        order = draw.choice(_PARTS["marks"]).format(order)
    passage = draw.choice(passages)
    at = draw.choice((0, len(passage) // 2, len(passage)))
    # As much around it as fits into one window with it: every window of an attack has the attack in it.
    room = max(0, SIZE - len(order) - 2) // (1 if at in (0, len(passage)) else 2)
    return f"{passage[max(0, at - room) : at]}\n{order}\n{passage[at : at + room]}".strip()


def _language(draw: Draw) -> str:
    return "en" if draw.random() < 0.4 else draw.choice(tuple(_PARTS["orders"]))


def _twisted(draw: Draw, said: str) -> str:
    said = draw.choice(_PARTS["twists"]).format(said)
    form = draw.random()
    return said.upper() if form < 0.08 else said[:1].upper() + said[1:] if form < 0.8 else said.lower()


def _filled(draw: Draw, twin: str) -> str:
    word, other = draw.choice(_PARTS["words"]), draw.choice(_PARTS["words"])
    if draw.random() < 0.15:
        word, other = word.upper(), other.upper()
    return twin.format(
        w=word,
        w2=other,
        W=word.upper(),
        W2=other.upper(),
        field=draw.choice(_PARTS["fields"]),
        thing=draw.choice(_PARTS["things"]),
        tool=draw.choice(_PARTS["tools"]),
        month=draw.choice(_PARTS["months"]),
        harm=draw.choice(_PARTS["harm"]),
    )
