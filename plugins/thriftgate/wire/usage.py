"""A provider's count of tokens as it can be believed: every number one of tokens, and no part larger than its whole.

Works on the usage object of all three dialects, in the provider's own names; what is not known to be a number is kept.

Failure behaviour: pure and total.
"""

from collections.abc import Mapping

from thriftgate.wire.shapes import MOST_TOKENS, Body, Json, count, is_count, is_number, items, mapping
from thriftgate.wire.turns import Dialect

NAMES: Mapping[Dialect, tuple[str, str]] = {
    Dialect.CHAT: ("prompt_tokens", "completion_tokens"),
    Dialect.MESSAGES: ("input_tokens", "output_tokens"),
    Dialect.RESPONSES: ("input_tokens", "output_tokens"),
}
"""What went in and what came out."""
_TOTAL = "total_tokens"
_BESIDE = ("cache_read_input_tokens", "cache_creation_input_tokens")
"""What Anthropic counts beside what went in."""
_ANTHROPICS = "input_tokens"
_COUNTED = ("_tokens", "_requests", "_queries")
"""How the names of counts end."""
_PARTS = ("_details", "cache_creation", "server_tool_use")
"""How the names of objects end that say what a count is made of."""
_DEEPEST = 3
_LONGEST_NUMBER = 15
_SHAPES = ((Dialect.CHAT, "choices"), (Dialect.RESPONSES, "output"), (Dialect.MESSAGES, "content"))


def kind_of_answer(body: Json) -> Dialect | None:
    """Whose whole answer it is; None for what is none."""
    return next((one for one, name in _SHAPES if items(body.get(name))), None)


def believable(usage: object, dialect: Dialect) -> tuple[Body | None, bool]:
    """The usage with numbers that can be believed, None where nothing is counted; and whether any was changed."""
    said = mapping(usage)
    read, is_changed = _read({name: value for name, value in said.items() if name != _TOTAL}, 0)
    sent, got = NAMES[dialect]
    if not sum(count(read.get(name)) for name in (sent, got, *_BESIDE)):
        return None, is_changed
    for name in (sent, got):
        if read.get(name) is None:
            # A type that has no place for null would refuse the whole answer for it.
            is_changed, read[name] = is_changed or name in said, 0
    bounded = [_bounded(read, name, read[name]) for name in (sent, got)]
    bounded += [_within(read, name) for name in _BESIDE] if sent == _ANTHROPICS else []
    if _TOTAL in said:
        total, whole = said[_TOTAL], read[sent] + read[got]
        is_known = total is not None and is_count(total) and not is_changed
        # The sum of two that are believed is, whatever a single count may be at most.
        is_changed = is_changed or not (total == whole or is_believed(total))
        read[_TOTAL] = count(total) if is_known else whole
    return read, is_changed or any(bounded)


def input_of(usage: Json) -> int:
    """All that went in, in Anthropic's names."""
    return sum(count(usage.get(name)) for name in (_ANTHROPICS, *_BESIDE))


def _within(read: Body, name: str) -> bool:
    """Keep what stands beside within what all that went in may be; whether it was more."""
    over = input_of(read) - MOST_TOKENS
    if over <= 0 or not read.get(name):
        return False
    read[name] = max(0, read[name] - over)
    return True


def _read(said: Json, depth: int) -> tuple[Body, bool]:
    read: Body = {}
    is_changed = False
    for name, value in said.items():
        if name.endswith(_COUNTED):
            read[name] = None if value is None else read_count(value)
            is_changed = is_changed or not is_believed(value)
        elif name.endswith(_PARTS) and value is not None:
            if not isinstance(value, Mapping) or depth == _DEEPEST:
                is_changed = True
                continue
            read[name], is_part_changed = _read(mapping(value), depth + 1)
            is_changed = is_changed or is_part_changed
        else:
            read[name] = value
    return read, is_changed


def read_count(value: object) -> int:
    """A number of tokens, also where it is written as a text."""
    return int(value) if isinstance(value, str) and _is_written(value) else count(value)


def is_believed(value: object) -> bool:
    """Whether it is a number of tokens, or the text of one, or not there."""
    is_whole = not isinstance(value, float) or value.is_integer()
    return (is_count(value) and is_whole) or _is_written(value)


def _is_written(value: object) -> bool:
    """Whether it is the text of a number that a count may have."""
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER or not (value.isascii() and value.isdecimal()):
        return False
    return int(value) <= MOST_TOKENS


def _bounded(read: Body, name: str, whole: int) -> bool:
    """Make every part of a count at most the whole; whether any was more."""
    parts = mapping(read.get(f"{name}_details"))
    larger = {part: whole for part, value in parts.items() if is_number(value) and value > whole}
    if larger:
        read[f"{name}_details"] = {**parts, **larger}
    return bool(larger)
