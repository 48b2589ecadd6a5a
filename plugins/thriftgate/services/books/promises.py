"""What the routes of a configuration promise, and since when it is proven.

Failure behaviour: an artefact that cannot be used counts as none here; `thriftgate check` says why.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from thriftgate.cascade.artefact import Artefact, StaleArtefactError, load_artefact
from thriftgate.config import ThriftgateConfig
from thriftgate.services.books.standing import RoutePromise


def promises_of(config: ThriftgateConfig, base: Path) -> Mapping[str, RoutePromise]:
    """What each route promises; artefacts are looked for from the folder `base`."""
    promises: dict[str, RoutePromise] = {}
    for name, route in config.routes.items():
        artefact = _artefact(base / route.cascade.artefact) if route.cascade.artefact else None
        calibrated_at, got_better = _proof(artefact) if artefact else (None, 0.0)
        looks = artefact is not None and artefact.guarantee.holds and route.cascade.unfamiliar.escalate
        summary = artefact.summary if artefact is not None and looks else None
        # A fixed similarity decides alone and promises nothing, whatever stands beside it.
        cache = route.cache if route.cache and route.cache.min_similarity is None else None
        promises[name] = RoutePromise(
            max_quality_loss=route.cascade.max_quality_loss,
            max_regressions=route.cascade.max_regressions,
            delta=route.cascade.delta,
            max_error=cache.max_error if cache else None,
            max_error_of_hits=cache.max_error_of_hits if cache else None,
            calibrated_at=calibrated_at,
            got_better=got_better,
            unfamiliar_share=route.cascade.unfamiliar.share if summary else None,
            ranked_labels=summary.held_out if summary else 0,
        )
    return promises


def _artefact(path: Path) -> Artefact | None:
    try:
        return load_artefact(path)
    except StaleArtefactError:
        return None


def _proof(artefact: Artefact) -> tuple[float | None, float]:
    """When the artefact was made, and what at most got better by it then."""
    try:
        better: Mapping[str, float] = artefact.expected.get("got_better") or {}
        return datetime.fromisoformat(artefact.created_at).timestamp(), float(better.get("high", 0.0))
    except ValueError:
        return None, 0.0
