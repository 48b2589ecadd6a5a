"""Texts as a tokenizer can take them, and no more of them than it is worth.

Failure behaviour: pure and total.
"""


def without_surrogates(text: str) -> str:
    """The text with "?" for lone surrogates, which are legal in Python and in JSON, but not in UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def both_ends(text: str, most: int) -> str:
    """As many characters of the text as are looked at, half from its beginning and half from its end."""
    half = most // 2
    return without_surrogates(text if len(text) <= most else f"{text[:half]} {text[-half:]}")
