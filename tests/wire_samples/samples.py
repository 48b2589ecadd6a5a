"""Requests and answers of recorded shape, in our own words: one dialect a module, each a list of named bodies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thriftgate.wire.request import RequestView

Body = dict[str, Any]

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJcOkw7zDtsOfCg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA"

WEATHER_SCHEMA: Body = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where"}, "unit": {"enum": ["C", "F"]}},
    "required": ["city"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Sample:
    """One body with a name for test ids."""

    name: str
    body: Body

    def __str__(self) -> str:
        return self.name


def named(bodies: Mapping[str, Body]) -> Sequence[Sample]:
    """A table of bodies as samples."""
    return [Sample(name, body) for name, body in bodies.items()]


def changed(view: RequestView, change: Callable[[str], str]) -> Body:
    """The body with each of its texts as `change` gives it."""
    return view.with_texts({place.path: change(place.text) for place in view.texts if change(place.text) != place.text})
