"""Adversarial pairs: a cached question, and one that looks like it but must not get its answer."""

from collections import Counter
from typing import Any

from evals.cache.data import traps, vectors_of

from thriftgate.caching.artefact import shipped
from thriftgate.caching.decision import Decision, Hit, Miss, MissReason, decide
from thriftgate.caching.differences.guards import first_veto, substitution
from thriftgate.caching.entries import CacheEntry, Neighbour
from thriftgate.caching.policy import CachePolicy, FixedThreshold
from thriftgate.caching.sharing.timebound import is_about_own_account, is_time_bound

INVISIBLE = frozenset({"ACTION", "skip_cache"})
"""Pairs that mean the same by their words and must not be shared for another reason (they order an action, or
policy forbids it): no guard can see that, the service does (an answer that calls a tool is never stored)."""


def trap_table() -> dict[str, Any]:
    """Each cached question alone in the cache, the other one asked; by kind of pair."""
    pairs = traps()
    vectors = vectors_of([pair[side] for pair in pairs for side in ("cached", "asked")])
    policy = CachePolicy.of(shipped(), max_error=0.01)
    seen: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for place, pair in enumerate(pairs):
        similarity = float(vectors[2 * place] @ vectors[2 * place + 1])
        near = [Neighbour(_entry(pair["cached"]), max(0.0, similarity))]
        by_guard = first_veto(pair["asked"], pair["cached"]) or substitution(pair["asked"], pair["cached"])
        refused = is_time_bound(pair["asked"]) or is_about_own_account(pair["asked"])
        stopped = "guard" if by_guard else "not cacheable" if refused else "nothing"
        side = "right" if pair["hit"] else "trap, invisible" if pair["kind"] in INVISIBLE else "trap"
        seen[f"{side}: stopped by {stopped}"] += 1
        for name, decision in (
            ("ours", decide(pair["asked"], near, policy=policy, draw=0.0)),
            ("fixed 0.85 with guards", decide(pair["asked"], near, policy=FixedThreshold(0.85), draw=0.0)),
            ("fixed 0.85 without guards", _unguarded(near, 0.85)),
        ):
            if isinstance(decision, Hit) and not (refused and name != "fixed 0.85 without guards"):
                seen[f"{side}: served by {name}"] += 1
        if side == "trap" and stopped == "nothing":
            rows.append({**pair, "similarity": round(similarity, 3)})
    return {"pairs": len(pairs), "counts": dict(sorted(seen.items())), "traps_no_guard_saw": rows}


def _unguarded(near: list[Neighbour], least: float) -> Decision:
    best = near[0]
    if best.similarity >= least:
        return Hit(entry=best.entry, similarity=best.similarity, confidence=None)
    return Miss(reason=MissReason.BELOW_THRESHOLD, similarity=best.similarity)


def _entry(question: str) -> CacheEntry:
    return CacheEntry(
        entry_id="cached", scope="", key="", route="", question=question, embedding=None, choices=(), model="",
        created_at=0.0, expires_at=float("inf"),
    )  # fmt: skip
