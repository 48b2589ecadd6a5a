"""Ten times the text takes about ten times the time, whatever the text: nobody can make others wait."""

import ast
import gc
import importlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

import pytest

from thriftgate.caching import decision, evidence
from thriftgate.caching.differences import composing, guards, numerals, reading, scales, surface, wording, writing
from thriftgate.caching.entries import CacheEntry, Neighbour, normalised_answer
from thriftgate.caching.policy import FixedThreshold
from thriftgate.caching.sharing import canonical, eligibility, scope, timebound
from thriftgate.cascade import rating
from thriftgate.cascade.signals import (
    agreement,
    figures,
    form,
    hedging,
    logprobs,
    question,
    refusal,
    relation,
    self_report,
    tools,
)
from thriftgate.cascade.signals import evidence as signal_evidence
from thriftgate.tracing import content
from thriftgate.types import Answer, ChatRequest, Choice
from thriftgate.wire import bounds, paths
from thriftgate.wire.streaming import codec

ROOT = Path(__file__).parents[3] / "plugins" / "thriftgate"
WATCHED = (
    *sorted((ROOT / "caching").rglob("*.py")),
    *sorted((ROOT / "cascade" / "signals").glob("*.py")),
    ROOT / "cascade" / "rating.py",
    ROOT / "tracing" / "content.py",
    ROOT / "wire" / "bounds.py",
    ROOT / "wire" / "paths.py",
    ROOT / "wire" / "streaming" / "codec.py",
)
SIZE = 1_000
WORST_RATIO = 15.0

HOSTILE = {
    "is": "is ",
    "how much": "how much ",
    "current": "current ",
    "please": "please, ",
    "to": "to ",
    "from to": "from a to b ",
    "not": "not ",
    "one letter": "a",
    "underscores": "_",
    "digits": "7",
    "hex": "deadbeef01",
    "dots": "a.",
    "dashes": "a-",
    "commas": "1,",
    "capitals": "A",
    "capital words": "Aa Bb ",
    "at signs": "a@",
    "emoji": "\U0001f600",
    "signs": "+-",
    "backticks": "`",
    "fences": "```a ",
    "single quotes": "'a ",
    "double quotes": '"a" ',
    "parentheses": "f(",
    "closing": ")",
    "braces": "{{",
    "blanks": " ",
    "lines": "\n",
    "tabs": "\t ",
    "full stops": ". ",
    "question marks": "?",
    "accents": "e\u0301",
    "one mark after another": "\u0301",
    "marks that are sorted": "\u0301\u0316",
    "hebrew marks": "\u05b0\u05bc\u05c1",
    "chinese": "\u5929",
    "surrogates": "\ud800",
    "sums": "1+1=2 ",
    "equals": "=",
    "zero width": "\u200d",
    "bearer": "bearer ",
    "iban": "DE00 AAAA ",
    "escapes": '\\"',
    "boxed": "\\boxed{",
    "values without an end": "pass:((",
    "values in values": "password=&a",
    "values in quotes": "pass:'a\"b ",
    "addresses with passwords": "aa://b:c@",
    "escaped values": "pass%3d%2527&",
}


def request(text: str) -> ChatRequest:
    return ChatRequest(request_id="r", route="r", messages=({"role": "user", "content": text},))


def answered(text: str) -> signal_evidence.SignalEvidence:
    choice = Choice(message={"role": "assistant", "content": text}, finish_reason="stop")
    return signal_evidence.SignalEvidence(request(text), choice, second=choice)


def neighbours(text: str) -> list[Neighbour]:
    entry = CacheEntry(
        entry_id="e", scope="s", key="k", route="r", question=text + " x", embedding=None, choices=(), model="m",
        created_at=0, expires_at=1,
    )  # fmt: skip
    return [Neighbour(entry, 0.99)]


def fresh(work: Callable[[str], object]) -> Callable[[str], object]:
    """With nothing remembered of an earlier reading."""

    def run(text: str) -> object:
        reading.read.cache_clear()
        surface.look.cache_clear()
        writing.writing_of.cache_clear()
        return work(text)

    return run


def _guard(guard: guards.Guard) -> Callable[[str], object]:
    return fresh(lambda text: (guard(text, text + " x"), guard(text + " b to a", "x " + text + " a to b")))


def _signal(signal: signal_evidence.Signal) -> Callable[[str], object]:
    return lambda text: signal.measure(answered(text))


MEASURED: dict[str, Callable[[str], object]] = {
    "caching.sharing.canonical.digest": lambda text: canonical.digest([text, {text: [text] * 3}, list(text)]),
    "caching.differences.composing.composed": composing.composed,
    "caching.differences.composing.decomposed": composing.decomposed,
    "caching.decision.decide": fresh(
        lambda text: decision.decide(text, neighbours(text), policy=FixedThreshold(0.9), draw=0.5)
    ),
    "caching.sharing.eligibility.content_verdict": lambda text: eligibility.content_verdict(
        request(text), text, settings=eligibility.EligibilitySettings()
    ),
    "caching.sharing.eligibility.may_serve": lambda text: eligibility.may_serve(
        request(text), text, settings=eligibility.EligibilitySettings()
    ),
    "caching.sharing.eligibility.may_store": lambda text: eligibility.may_store(
        request("x"), "x", Answer(choices=(answered(text).choice,), model="m"),
        settings=eligibility.EligibilitySettings(),
    ),
    "caching.evidence.gather": fresh(lambda text: evidence.gather(text, neighbours(text))),
    "caching.entries.normalised_answer": normalised_answer,
    "caching.differences.guards.first_veto": _guard(guards.first_veto),
    "caching.differences.guards.substituted_words": fresh(
        lambda text: guards.substituted_words(text + " a b", text + " c d")
    ),
    **{
        f"caching.differences.guards.{guard.__name__}": _guard(guard)
        for guard in (*guards.GUARDS, guards.substitution)
    },
    "caching.differences.numerals.number_of": fresh(numerals.number_of),
    "caching.differences.reading.read": fresh(reading.read),
    "caching.differences.reading.stem": reading.stem,
    "caching.sharing.scope.scope_of": lambda text: scope.scope_of(
        request(text), settings=scope.ScopeSettings(), prompt=None, tiers=[text], embedder="e",
        identity=scope.RequestIdentity([text], (text,)),
    ),
    "caching.differences.surface.look": fresh(surface.look),
    "caching.differences.scales.are_other_steps": fresh(lambda text: scales.are_other_steps(text, text)),
    "caching.differences.wording.is_worded_otherwise": fresh(
        lambda text: wording.is_worded_otherwise(text + " your", text + " you're")
    ),
    "caching.differences.writing.writing_of": fresh(writing.writing_of),
    "caching.differences.writing.is_written_otherwise": fresh(
        lambda text: (writing.is_written_otherwise(text, text + " x"), writing.is_written_otherwise(text, text + " "))
    ),
    "caching.sharing.timebound.is_time_bound": timebound.is_time_bound,
    "caching.sharing.timebound.is_about_own_account": timebound.is_about_own_account,
    "cascade.rating.rating_of": rating.rating_of,
    "cascade.signals.form.calculations": lambda text: list(form.calculations(text)),
    **{
        f"cascade.signals.{name}.measure": _signal(signal)
        for name, signal in {
            "agreement": agreement.AGREEMENT, "figures": figures.FIGURES, "form": form.FORM, "hedging": hedging.HEDGING,
            "question": question.QUESTION, "refusal": refusal.REFUSAL, "relation": relation.RELATION,
            "self_report": self_report.SELF_REPORT, "tools": tools.TOOLS,
        }.items()
    },
    "cascade.signals.agreement.agrees": lambda text: agreement.agrees(text, text + "1"),
    "cascade.signals.agreement.conclusion": agreement.conclusion,
    "cascade.signals.agreement.word_overlap": lambda text: agreement.word_overlap(text, text),
    "cascade.signals.evidence.fold": signal_evidence.fold,
    "cascade.signals.evidence.parse_json": lambda text: signal_evidence.parse_json("[" + text),
    "cascade.signals.form.calculate": form.calculate,
    "cascade.signals.form.check_sums": form.check_sums,
    "cascade.signals.form.repetition": form.repetition,
    # Each word a token, and all of it one token of a provider that cuts as it likes.
    "cascade.signals.logprobs.summarise": lambda text: logprobs.summarise(
        [{"token": token, "logprob": -1.0} for token in (*text.split(), text)]
    ),
    "cascade.signals.self_report.as_confidence": self_report.as_confidence,
    "tracing.content.mask_obvious": content.mask_obvious,
    "wire.bounds.bounded": lambda text: [
        bounds.bounded(raw.encode("utf-8", "replace"), bounds.Bounds(depth=10**9, values=10**9))
        for raw in (text, '"' + text, json.dumps([text]))
    ],
    "wire.paths.json_leaves": lambda text: list(paths.json_leaves(json.dumps([text, {text: text}]), ())),
    "wire.streaming.codec.pieces": codec.pieces,
}  # fmt: skip
"""Every function that looks at what clients or models wrote."""

NOT_OF_CLIENTS = {
    "caching.warm_file.parse_lines": "an operator's file",
    "caching.differences.inflections.inflected": "our own words",
    "caching.artefact.shipped": "our own file",
    "tracing.content.unmasked": "gives the text back",
}
TEXT_NAMES = frozenset(
    {
        "text",
        "question",
        "answer",
        "a",
        "b",
        "one",
        "other",
        "word",
        "words",
        "written",
        "reply",
        "expression",
        "stated",
        "value",
        "request",
    }
)


@pytest.mark.parametrize("name", MEASURED)
def test_ten_times_the_text_takes_at_most_fifteen_times_the_time(name: str) -> None:
    slow: dict[str, float] = {}
    for kind, piece in HOSTILE.items():
        ratio = time_ratio(MEASURED[name], piece)
        if ratio > WORST_RATIO:
            slow[kind] = ratio
    assert not slow


def time_ratio(work: Callable[[str], object], piece: str) -> float:
    """Time for ten times `SIZE` characters over that for `SIZE`, each the best of a few; looked at twice when bad."""
    short = (piece * SIZE)[:SIZE]
    long = (piece * SIZE * 10)[: SIZE * 10]
    ratio = 0.0
    for tries in (1, 5, 15):
        base = max(_best(work, short, tries), 1e-4)  # below 100 µs the clock decides
        ratio = _best(work, long, tries) / base
        if ratio <= WORST_RATIO:
            break
    return ratio


def _best(work: Callable[[str], object], text: str, tries: int) -> float:
    times: list[float] = []
    gc.disable()
    try:
        for _ in range(tries):
            started = process_time()
            work(text)
            times.append(process_time() - started)
    finally:
        gc.enable()
    return min(times)


def test_a_new_function_over_texts_is_measured_too() -> None:
    unknown = set(_text_functions()) - set(MEASURED) - set(NOT_OF_CLIENTS)
    assert not unknown, "measure them here, or say whose text they read"


def test_every_module_with_a_regular_expression_has_a_measured_function() -> None:
    measured = {name.rpartition(".")[0] for name in MEASURED}
    modules = {
        _module(path) for path in WATCHED if "re.compile(" in path.read_text() or "re2.compile(" in path.read_text()
    }
    assert modules <= measured


def test_what_is_measured_exists() -> None:
    for name in MEASURED:
        module, _, function = name.rpartition(".")
        assert hasattr(importlib.import_module(f"thriftgate.{module}"), function)


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _text_functions() -> Iterator[str]:
    """Public functions of the watched modules with a parameter that says it is a text."""
    for path in WATCHED:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if (
                isinstance(node, ast.FunctionDef)
                and not node.name.startswith("_")
                and any(map(_is_text, node.args.args))
            ):
                yield f"{_module(path)}.{node.name}"


def _is_text(argument: ast.arg) -> bool:
    return isinstance(argument.annotation, ast.Name) and argument.annotation.id == "str" and argument.arg in TEXT_NAMES
