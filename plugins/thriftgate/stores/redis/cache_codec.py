"""Cache entries and observations as Redis keeps them, and back. Pure.

Bodies are JSON in ASCII, so that every text survives, half surrogates and NUL included. Vectors are float32,
little-endian, as the query engine reads them.

Failure behaviour: an embedding of another length than the index's raises ValueError.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from redis.typing import EncodableT, FieldT

from thriftgate.caching.entries import CacheEntry, Observation, kept_observation, usage_fields
from thriftgate.stores.redis.keys import key_digest
from thriftgate.types import Choice, Usage, Vector

OUTCOMES = 64
"""The latest verified outcomes that an entry keeps."""

_PLAIN = (
    "entry_id", "scope", "key", "route", "question", "model", "cost_usd", "baseline_cost_usd", "created_at",
    "expires_at", "stale_at", "prompt_version", "collection", "answer_group", "request_id",
)  # fmt: skip

Fields = dict[FieldT, EncodableT]
"""A hash as it is written."""


def entry_identity(scope: str, key: str) -> str:
    """What the hashes of an entry are called."""
    return key_digest(scope, key)


def unit(embedding: Vector | None, *, dimensions: int) -> Vector | None:
    """The vector at length 1; None for one without a direction. Raises ValueError for one of another length."""
    if embedding is None:
        return None
    if embedding.shape != (dimensions,):
        raise ValueError(f"the embedding has shape {embedding.shape}, not ({dimensions},)")
    length = float(np.linalg.norm(embedding))
    return (embedding / length).astype(np.float32) if math.isfinite(length) and length > 0 else None


def vector_bytes(vector: Vector) -> bytes:
    """The vector as the query engine takes it."""
    return vector.astype("<f4").tobytes()


def answer_fields(entry: CacheEntry, vector: Vector | None) -> Fields:
    """The hash that look-ups read."""
    fields: Fields = {"scope": key_digest(entry.scope), "body": _body(entry)}
    if vector is not None:
        fields["embedding"] = vector_bytes(vector)
    return fields


def use_fields(entry: CacheEntry, *, used_at: float) -> Fields:
    """The hash that counting and purging read."""
    fields: Fields = {
        "scope": key_digest(entry.scope),
        "route": key_digest(entry.route),
        "prompt": key_digest(entry.prompt_version),
        "collection": key_digest(entry.collection),
        "entry_id": key_digest(entry.entry_id),
        "entry": key_digest(entry.scope, entry.entry_id),
        "hits": entry.hits,
        "used_at": repr(used_at),
    }
    if entry.tags:
        fields["tags"] = ",".join(sorted({key_digest(tag) for tag in entry.tags}))
    return fields


def decode_entry(fields: Mapping[bytes, bytes], *, hits: int | None = None) -> CacheEntry | None:
    """The entry of an answer's hash; None when the hash is gone. `hits` replaces the number it was stored with."""
    body = fields.get(b"body")
    if body is None:
        return None
    loaded: dict[str, Any] = json.loads(body)
    embedding = fields.get(b"embedding")
    entry = CacheEntry(
        **{name: loaded[name] for name in _PLAIN if name in loaded},
        embedding=None if embedding is None else np.frombuffer(embedding, dtype="<f4").astype(np.float32),
        choices=tuple(Choice(*choice) for choice in loaded["choices"]),
        body=loaded.get("body"),
        usage=Usage(**loaded["usage"]),
        tags=tuple(loaded["tags"]),
        joined=tuple(loaded.get("joined", ())),
        hits=loaded["hits"] if hits is None else hits,
    )
    return replace(entry, outcomes=_outcomes(fields.get(b"outcomes", b""), entry))


def fields_of(flat: Sequence[bytes] | None) -> dict[bytes, bytes]:
    """A hash or row that came as [name, value, name, value, …]; empty when its key was gone."""
    return dict(zip(flat[::2], flat[1::2], strict=True)) if flat else {}


def similarity_of(distance: bytes) -> float:
    """The cosine in [0, 1] of a cosine distance in [0, 2], which may come back as -1e-7."""
    return min(1.0, max(0.0, 1.0 - float(distance)))


def outcome_line(observation: Observation) -> str:
    """One verified outcome as the entry keeps it: a line of JSON."""
    return _dump(_outcome(observation))


def observation_fields(observation: Observation) -> Fields:
    """One verified outcome as the route's stream keeps it."""
    named = [observation.entry_id, observation.scope, observation.route]
    return {"is_correct": int(observation.is_correct), "data": _dump([*named, *_outcome(observation)])}


def decode_observation(fields: Mapping[bytes, bytes]) -> Observation:
    """The verified outcome of one entry of the stream."""
    entry_id, scope, route, *outcome = json.loads(fields[b"data"])
    return kept_observation(entry_id, scope, route, outcome)


def _body(entry: CacheEntry) -> str:
    plain = {name: getattr(entry, name) for name in _PLAIN}
    choices = [[choice.message, choice.finish_reason, choice.logprobs] for choice in entry.choices]
    plain |= {"body": entry.body} if entry.body is not None else {}
    plain |= {"joined": entry.joined} if entry.joined else {}
    plain |= {"choices": choices, "usage": usage_fields(entry.usage), "tags": entry.tags, "hits": entry.hits}
    return _dump(plain)


def _outcome(observation: Observation) -> list[Any]:
    features = {name: value for name, value in observation.features.items() if math.isfinite(value)}
    return [
        observation.similarity,
        features,
        observation.is_correct,
        observation.observed_at,
        observation.source,
    ]


def _outcomes(lines: bytes, entry: CacheEntry) -> tuple[Observation, ...]:
    outcomes = (json.loads(line) for line in lines.splitlines())
    observations = [kept_observation(entry.entry_id, entry.scope, entry.route, outcome) for outcome in outcomes]
    return tuple(sorted(observations, key=lambda observation: observation.observed_at))


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """What the JSON encoder does not know: other mappings and sequences as such, the rest as text."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return list(cast("Sequence[Any]", value))
    return str(value)
