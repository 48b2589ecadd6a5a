"""Findings in a text, and how many findings become few.

Failure behaviour: pure and total.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

_JOINING = {"PERSON": " -", "ADDRESS": " ,.;-\n\t\r#/"}
"""What may stand between two parts of one name or address; a comma stands between two people."""
_LONGEST_GAP = 3
LISTED = "listed"
"""The recognizer of values that an operator named; nobody knows better what they are."""


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A part of a text that somebody recognized; `start` and `end` are positions of characters."""

    start: int
    end: int
    entity_type: str
    score: float
    recognizer: str = ""


def resolve_overlaps(spans: Iterable[TextSpan], *, is_certain: frozenset[str] = frozenset()) -> list[TextSpan]:
    """Spans in order of the text, none of which overlap, that cover every character that a given span covers.

    Where two overlap, the surer one gives the type, of equally sure ones the longer; kinds that are `is_certain` (a
    checksum holds) come before all others, and what an operator listed before those. What the loser covers beyond the
    winner stays with the winner: a value must never leave in part. The order in which spans are given does not matter.
    """
    ordered = sorted(set(spans), key=lambda span: (span.start, span.end, span.entity_type, span.recognizer))
    resolved: list[TextSpan] = []
    cluster: list[TextSpan] = []
    reach = -1
    for span in ordered:
        if span.end <= span.start:
            continue
        if cluster and span.start >= reach:
            resolved.extend(_settled(cluster, is_certain))
            cluster = []
        cluster.append(span)
        reach = span.end if len(cluster) == 1 else max(reach, span.end)
    resolved.extend(_settled(cluster, is_certain))
    return resolved


def _settled(cluster: Sequence[TextSpan], is_certain: frozenset[str]) -> Iterable[TextSpan]:
    if not cluster:
        return ()
    best = max(
        cluster,
        key=lambda span: (
            span.recognizer == LISTED, span.entity_type in is_certain, span.score, span.end - span.start, -span.start,
            span.entity_type,
        ),
    )  # fmt: skip
    return (replace(best, start=min(span.start for span in cluster), end=max(span.end for span in cluster)),)


def joined(text: str, spans: Sequence[TextSpan]) -> list[TextSpan]:
    """Neighbouring parts of one name, or of one address, as one span.

    A model finds the house, the street and the town of one address, or a first name and a surname: left apart, what
    stands between them would stay. `spans` are in order and do not overlap.
    """
    out: list[TextSpan] = []
    for span in spans:
        last = out[-1] if out else None
        if (
            last is not None
            and span.entity_type == last.entity_type
            and 0 < span.start - last.end <= _LONGEST_GAP
            and all(character in _JOINING.get(span.entity_type, "") for character in text[last.end : span.start])
        ):
            out[-1] = replace(last, end=span.end, score=max(last.score, span.score))
        else:
            out.append(span)
    return out
