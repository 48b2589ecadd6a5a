"""What the text itself betrays: sums that do not add up, loops, a missing conclusion, a torn end. Cost: free."""

import ast
import math
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from thriftgate.cascade.signals.evidence import Signal, SignalEvidence

_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_TIMES, _DIVIDED = "\u00d7", "\u00f7"
_CALCULATION = f"0123456789,.+-*/{_TIMES}{_DIVIDED}x()$€£% "
_LONGEST_CALCULATION = 60
_RESULT = re.compile(rf"\s{{0,3}}[$€£]?\s?(-?{_NUMBER})(?![\d,.]*\s?[-+*/{_TIMES}{_DIVIDED}(^])")
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda one, other: one + other,
    ast.Sub: lambda one, other: one - other,
    ast.Mult: lambda one, other: one * other,
    ast.Div: lambda one, other: one / other,
}
_ENDS = frozenset(".!?)]}\"'`*0123456789\u3002\uff01\uff1f\u300d")
_MOST_SUMS = 20
_CONCLUSIONS = (
    "the answer is", "answer:", "####", "\\boxed", "therefore", "thus,", "in conclusion", "so the", "final answer",
    "die antwort", "daher", "la réponse", "donc", "la respuesta", "por lo tanto", "la risposta", "quindi", "a resposta",
    "portanto", "het antwoord", "dus", "答案", "因此", "答えは", "したがって",
)  # fmt: skip


def measure(evidence: SignalEvidence) -> Mapping[str, float]:
    """Sums checked and sums wrong (log counts), repetition, numbers, lines, conclusion and clean end (0 or 1)."""
    text = evidence.text
    checked, wrong = check_sums(text)
    lines = [line for line in text.splitlines() if line.strip()]
    digits = sum(map(text.count, "0123456789"))
    return {
        "sums": math.log1p(checked),
        "sums_wrong": math.log1p(wrong),
        "repetition": repetition(evidence.folded),
        "digit_share": digits / len(text) if text else 0.0,
        "lines": math.log1p(len(lines)),
        "concludes": float(any(phrase in evidence.folded[-300:] for phrase in _CONCLUSIONS)),
        "ends_cleanly": float(text.rstrip()[-1:] in _ENDS),
    }


def check_sums(text: str) -> tuple[int, int]:
    """How many written calculations ("3 * 4 = 12") there are, and how many are wrong by more than rounding."""
    checked = wrong = 0
    for calculation, stated in calculations(text):
        value = calculate(calculation)
        if value is None:
            continue
        decimals = len(stated.partition(".")[2])
        checked += 1
        wrong += abs(value - float(stated)) > 0.51 * 10.0**-decimals + 1e-3 * abs(value) * (decimals > 0)
    return checked, wrong


def calculations(text: str) -> Iterator[tuple[str, str]]:
    """What stands before each of the first equals signs that a number follows, and that number without its commas."""
    text = text.replace("\\times", "*").replace("\\cdot", "*")
    for sign in islice(re.finditer("=", text), _MOST_SUMS):
        result = _RESULT.match(text, sign.end())
        if result is not None:
            yield _calculation_before(text, sign.start()), result[1].replace(",", "")


def _calculation_before(text: str, end: int) -> str:
    """The longest run of digits and operators that ends at `end`; read backwards, so that no text takes long."""
    window = text[max(0, end - _LONGEST_CALCULATION) : end]
    # A comma or full stop inside a number has no space behind it; one that has, ends what came before.
    found = window[len(window.rstrip(_CALCULATION)) :].rpartition(", ")[2].rpartition(". ")[2]
    # Half of a longer one would only seem to be wrong.
    return found if len(found) < _LONGEST_CALCULATION else ""


def calculate(expression: str) -> float | None:
    """The value of a plain calculation; None when it is none (no operator, words, division by zero)."""
    plain = re.sub(r"[$€£,\s]", "", expression).replace(_TIMES, "*").replace("x", "*").replace(_DIVIDED, "/")
    plain = plain.replace("%", "/100").lstrip("*/+")
    if not re.search(r"\d[-+*/(]", plain):
        return None
    try:
        return _value(ast.parse(plain, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return None


def repetition(text: str) -> float:
    """The share of word trigrams that were there before: near 0 in prose, near 1 in a loop."""
    words = text.split()[-600:]
    total = len(words) - 2
    return 1 - len(set(zip(words, words[1:], words[2:], strict=False))) / total if total > 0 else 0.0


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not a plain calculation")


FORM = Signal(
    name="form",
    cost="free",
    features=("sums", "sums_wrong", "repetition", "digit_share", "lines", "concludes", "ends_cleanly"),
    measure=measure,
)
