"""JSON schemas that somebody else wrote, checked without trust.

A schema that a client sends is a program: its references name places, its patterns and combinations cost time. Here
nothing is fetched (`references`), every pattern runs in a linear engine (`patterns`), and what a check may cost is
known before it begins (`effort`). `checking` puts them together: `compile_schema` gives a `Schema`, or a `Refusal`
that says why not; `Schema.check` gives a `Violation` with its path in words, or None. `wanted` reads from a request
which schema its answer must fit.

Standard: JSON Schema 2020-12, and the older draft that `$schema` names.
"""

from thriftgate.schemas.checking import Schema, Unchecked, compile_schema, is_at_hand, schema_of_text
from thriftgate.schemas.refusal import Refusal, RefusalReason
from thriftgate.schemas.violation import Path, Violation, path_in_words

__all__ = [
    "Path",
    "Refusal",
    "RefusalReason",
    "Schema",
    "Unchecked",
    "Violation",
    "compile_schema",
    "is_at_hand",
    "path_in_words",
    "schema_of_text",
]
