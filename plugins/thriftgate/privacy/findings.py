"""From everything that was found in a text to what counts under a policy.

Failure behaviour: pure and total.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from thriftgate.privacy.policy import PrivacyPolicy
from thriftgate.privacy.recognizers import CERTAIN
from thriftgate.privacy.spans import TextSpan, joined, resolve_overlaps

_POSSESSIVE = re.compile(r"['\u2019\u02bc][sS]\Z|(?<=[sxzSXZ])['\u2019\u02bc]\Z")


@dataclass(frozen=True, slots=True)
class Text:
    """What is analysed; `label` is the key or name that it stands under."""

    text: str
    label: str = ""
    is_prose: bool = True
    """False where a model of names and addresses would see them in a machine's words; patterns are looked for."""
    languages: frozenset[str] | None = None
    """What it may be written in: a model of names that is for none of these does not read it; None: all do."""


def counted_by_kind(text: str, spans: Iterable[TextSpan], policy: PrivacyPolicy) -> list[TextSpan]:
    """The findings that the policy asks for, in order, without overlaps, parts of one name or address as one."""
    wanted = [span for span in spans if policy.wanted(text, span)]
    return [_of_nobody_else(text, span) for span in joined(text, resolve_overlaps(wanted, is_certain=CERTAIN))]


def _of_nobody_else(text: str, span: TextSpan) -> TextSpan:
    """A name without the sign of what is somebody's: "Anna Keller's" would be another person than Anna Keller."""
    if span.entity_type != "PERSON":
        return span
    sign = _POSSESSIVE.search(text, max(span.start + 1, span.end - 2), span.end)
    return replace(span, end=sign.start()) if sign is not None else span


def resolved(spans: Iterable[TextSpan]) -> list[TextSpan]:
    """Without overlaps; what is certain wins."""
    return resolve_overlaps(spans, is_certain=CERTAIN)
