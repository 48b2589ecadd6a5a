"""Cached questions that agree on an answer, and what is known of them, for tests of the cache's decision."""

from collections.abc import Sequence

from thriftgate.caching.artefact import shipped
from thriftgate.caching.entries import CacheEntry, Neighbour, Observation
from thriftgate.caching.evidence import FEATURES, Evidence, gather
from thriftgate.caching.policy import CachePolicy

ASKED = "How can I get my password back?"
SUPPORTERS = (
    "I forgot my password",
    "How do I recover the password?",
    "password lost, what now",
    "My password does not work any more",
    "Please help me to recover a password",
)


def entry(
    question: str, group: str = "", *, entry_id: str | None = None, outcomes: tuple[Observation, ...] = ()
) -> CacheEntry:
    return CacheEntry(
        entry_id=entry_id or question,
        scope="s",
        key=question,
        route="support",
        question=question,
        embedding=None,
        choices=(),
        model="small",
        created_at=0.0,
        expires_at=1.0,
        answer_group=group,
        outcomes=outcomes,
    )


def near(*found: tuple[str, str, float]) -> list[Neighbour]:
    return [Neighbour(entry(question, group), similarity) for question, group, similarity in found]


AGREEING = near(*((question, "password", 0.97 - 0.02 * i) for i, question in enumerate(SUPPORTERS))) + near(
    ("Where is my parcel?", "parcel", 0.3)
)
POLICY = CachePolicy.of(shipped(), max_error=0.01)


def evidence(question: str, neighbours: Sequence[Neighbour]) -> dict[str, float]:
    found = gather(question, neighbours)
    assert isinstance(found, Evidence)
    return dict(zip(FEATURES, found.values, strict=True))


def observation(
    features: dict[str, float], *, is_correct: bool = True, source: str = "fresh_answer", entry_id: str = "e"
) -> Observation:
    return Observation(
        entry_id=entry_id,
        scope="s",
        route="support",
        similarity=features.get("similarity", 0.9),
        features=features,
        is_correct=is_correct,
        observed_at=0.0,
        source=source,
    )
