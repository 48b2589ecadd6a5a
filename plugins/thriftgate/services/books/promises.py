"""What the routes of a configuration promise, and since when it is proven.

Failure behaviour: an artefact that cannot be used counts as none here; `thriftgate check` says why.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from thriftgate.cascade.artefact import StaleArtefactError, load
from thriftgate.config import ThriftgateConfig
from thriftgate.services.books.quality import Promise


def promises_of(config: ThriftgateConfig, base: Path) -> Mapping[str, Promise]:
    """What each route promises; artefacts are looked for from the folder `base`."""
    return {
        name: Promise(
            max_quality_loss=route.cascade.max_quality_loss,
            delta=route.cascade.delta,
            max_error=route.cache.max_error if route.cache else None,
            calibrated_at=_calibrated_at(base / route.cascade.artefact) if route.cascade.artefact else None,
        )
        for name, route in config.routes.items()
    }


def _calibrated_at(path: Path) -> float | None:
    try:
        return datetime.fromisoformat(load(path).created_at).timestamp()
    except (StaleArtefactError, ValueError):
        return None
