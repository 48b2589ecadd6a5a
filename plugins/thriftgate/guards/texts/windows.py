"""A long text in overlapping pieces that a classifier sees whole.

Failure behaviour: pure and total; linear.
"""

SIZE = 600
"""Characters; about what fits into the embedder's 128 word pieces."""
STEP = 450


def places(length: int, *, size: int = SIZE, step: int = STEP) -> list[tuple[int, int]]:
    """Where the windows of a text of this length stand: every part of it in one, and `size - step` shared."""
    if length <= size:
        return [(0, length)]
    starts = list(range(0, length - size, step))
    return [*((start, start + size) for start in starts), (length - size, length)]


def windows(text: str) -> list[str]:
    """The pieces of a text."""
    return [text[start:end] for start, end in places(len(text))]
