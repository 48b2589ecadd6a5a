"""From everything that was found in a text to what counts under a policy.

Failure behaviour: pure and total.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from thriftgate.privacy.policy import Policy
from thriftgate.privacy.recognizers import CERTAIN
from thriftgate.privacy.spans import Span, joined, resolve


@dataclass(frozen=True, slots=True)
class Text:
    """What is analysed; `label` is the key or name that it stands under."""

    text: str
    label: str = ""


def counted(text: str, spans: Iterable[Span], policy: Policy) -> list[Span]:
    """The findings that the policy asks for, in order, without overlaps, parts of one name or address as one."""
    wanted = [span for span in spans if policy.wanted(text, span)]
    return joined(text, resolve(wanted, is_certain=CERTAIN))


def resolved(spans: Iterable[Span]) -> list[Span]:
    """Without overlaps; what is certain wins."""
    return resolve(spans, is_certain=CERTAIN)
