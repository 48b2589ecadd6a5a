"""The shape that answers and calls must have here, an answer that fits it, and one that does not."""

from typing import Any

SHAPE: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
GOOD = '{"city": "Bern", "days": 3}'
WRONG = '{"city": "Bern", "days": "three"}'
