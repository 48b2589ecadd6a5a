"""Rows of the cache's tables as values, and back."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from thriftgate.caching.entries import CacheEntry, Observation, kept_observation
from thriftgate.stores.postgres.connection.database import Row
from thriftgate.stores.postgres.connection.text import from_json, from_text
from thriftgate.types import Choice, Usage, Vector


def entry_of(row: Row) -> CacheEntry:
    """The entry of one row, with its vector and its outcomes."""
    scope, route, entry_id = from_text(row["scope"]), from_text(row["route"]), from_text(row["entry_id"])
    kept = _kept(from_json(row["choices"]))
    return CacheEntry(
        entry_id=entry_id,
        scope=scope,
        key=from_text(row["key"]),
        route=route,
        question=from_text(row["question"]),
        embedding=_vector(row["embedding"]),
        choices=tuple(_choice(choice) for choice in kept["choices"]),
        body=kept.get("body"),
        request_id=kept.get("request_id", ""),
        model=from_text(row["model"]),
        usage=Usage(**from_json(row["usage"])),
        cost_usd=row["cost_usd"],
        baseline_cost_usd=row["baseline_cost_usd"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        stale_at=row["stale_at"],
        tags=tuple(from_text(tag) for tag in row["tags"]),
        prompt_version=from_text(row["prompt_version"]),
        collection=from_text(row["collection"]),
        hits=row["hits"],
        answer_group=kept.get("group", ""),
        joined=tuple(kept.get("joined", ())),
        outcomes=tuple(
            kept_observation(entry_id, scope, route, [*numbers, from_text(source)])
            for *numbers, source in from_json(row["outcomes"] or "[]")
        ),
    )


def _kept(value: Any) -> dict[str, Any]:
    """The column `choices`: a list of them, or an object that has more of the answer as well."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"choices": value}


def answer_columns(entry: CacheEntry) -> object:
    """What goes into the column `choices`."""
    choices = [choice_fields(choice) for choice in entry.choices]
    more = {"body": entry.body} if entry.body is not None else {}
    more |= {"group": entry.answer_group} if entry.answer_group else {}
    more |= {"joined": entry.joined} if entry.joined else {}
    more |= {"request_id": entry.request_id} if entry.request_id else {}
    return {"choices": choices, **more} if more else choices


def observation_of(row: Row) -> Observation:
    """The verified outcome of one row."""
    return Observation(
        entry_id=from_text(row["entry_id"]),
        scope=from_text(row["scope"]),
        route=from_text(row["route"]),
        similarity=row["similarity"],
        features=from_json(row["features"]),
        is_correct=row["is_correct"],
        observed_at=row["observed_at"],
        source=from_text(row["source"]),
    )


def choice_fields(choice: Choice) -> Mapping[str, Any]:
    """One answer, in OpenAI's shape."""
    return {"message": choice.message, "finish_reason": choice.finish_reason, "logprobs": choice.logprobs}


def _choice(stored: Mapping[str, Any]) -> Choice:
    return Choice(stored["message"], stored["finish_reason"], stored["logprobs"])


def _vector(stored: object | None) -> Vector | None:
    return None if stored is None else cast("Vector", cast("Any", stored).to_numpy().astype(np.float32))
