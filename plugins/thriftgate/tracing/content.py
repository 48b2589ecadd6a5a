"""How much of what was said goes into a trace: nothing, a sample, or all of it, and always through the mask.

Failure behaviour: a mask that throws hides the text it was given; nothing goes out unmasked.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from thriftgate.tracing.identity import span_id_of

Mask = Callable[[str], str]
_SPACE = 16**16


def unmasked(text: str) -> str:
    """The mask that hides nothing."""
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRule:
    """What of a route's content is shown.

    `share`: of the requests whose content was kept, the share whose content is shown; 0 is off, 1 is all. Which
    ones is drawn by the request's id, so that every part of a trace and every repetition agrees.
    `mask`: takes private things out of a text; every text is masked whole, before it is shortened.
    `max_chars`: longer texts are cut off.
    """

    share: float = 1.0
    mask: Mask = unmasked
    max_chars: int = 20_000

    def shows(self, request_id: str) -> bool:
        """Whether this request's content is shown."""
        return int(span_id_of(request_id, "content"), 16) < self.share * _SPACE

    def text(self, text: str) -> str:
        """A text as it may be shown."""
        if text.startswith("data:"):
            return f"[{text[5:].partition(';')[0].partition(',')[0]} of {len(text)} characters]"
        try:
            shown = self.mask(text)
        except Exception:
            return "[hidden: the mask failed]"
        return shown if len(shown) <= self.max_chars else f"{shown[: self.max_chars]}[… of {len(shown)} characters]"

    def json(self, value: Any) -> str:
        """Messages or anything else of JSON's kinds as a JSON text, every text in it as it may be shown."""
        return json.dumps(self._shown(value), ensure_ascii=False, default=lambda _: "[not shown]")

    def _shown(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            items = cast("Mapping[Any, Any]", value).items()
            return {str(name): self._shown(part) for name, part in items}
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
            return [self._shown(part) for part in cast("Sequence[Any]", value)]
        return value


HIDDEN = ContentRule(share=0.0)
"""Nothing is shown."""


_PATTERNS = (
    (re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), "<EMAIL>"),
    (re.compile(r"\b(?:sk|pk|rk|ghp|gho|xox[abpr]|AKIA|eyJ)[\w-]{16,}"), "<CREDENTIAL>"),
    (re.compile(r"(?i)\bbearer\s+[\w.~+/=-]{8,}"), "<CREDENTIAL>"),
    (re.compile(r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}(?:\s?[A-Z0-9]{1,3})?\b"), "<IBAN>"),
    # Cards and telephone numbers; no order numbers of up to eight digits, which a support desk needs to see.
    (re.compile(r"(?<!\w)\+?\d(?:[ ()./-]{0,2}\d){8,18}(?!\w)"), "<NUMBER>"),
)


def mask_obvious(text: str) -> str:
    """The text with a word in place of each address, credential and long number."""
    for pattern, word in _PATTERNS:
        text = pattern.sub(word, text)
    return text
