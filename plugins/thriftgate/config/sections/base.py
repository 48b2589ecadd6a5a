"""What every section of the configuration has in common: closed, frozen, and durations with units."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_NUMBERS: tuple[object, ...] = (float, int, float | None, int | None)
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")


class Section(BaseModel):
    """A part of the configuration. An unknown key is a mistake, and nothing changes after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML's `yes` is 1 to Python, and hardly what a number was to be."""
        if isinstance(value, bool) and info.field_name is not None:
            wanted: object = cls.model_fields[info.field_name].annotation
            if wanted in _NUMBERS:
                raise PydanticKnownError("float_type")
        return value


def parse_duration(value: Any) -> Any:
    """Seconds of `90`, `"90s"`, `"15m"`, `"1h"`, `"7d"`; anything else is returned for pydantic to refuse."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError("a duration is a number of seconds, or a number with a unit: 500ms, 90s, 15m, 1h, 7d, 2w")
    return float(match[1]) * _UNIT_SECONDS[match[2]]


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds; in YAML also `500ms`, `90s`, `15m`, `1h`, `7d`, `2w`."""
