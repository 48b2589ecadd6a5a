"""Takes what is plainly private out of a text that goes into a trace: e-mail addresses, credentials, long numbers.

A safety net for captured content, not a privacy filter: it knows no names and no addresses. Whatever knows more takes
its place as a `Mask`.
"""

import re

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
