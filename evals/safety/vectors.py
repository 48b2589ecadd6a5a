"""Vectors of many texts by Defender, kept in a file between runs: the slow part of training."""

import asyncio
import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from thriftgate.stores.defender.model import Defender

_KEPT = Path(tempfile.gettempdir()) / "thriftgate-defender-vectors.npz"
_BATCH = 256


def vectors_of(texts: Sequence[str], *, kept: Path = _KEPT) -> npt.NDArray[np.float32]:
    """Shape (len(texts), 384)."""
    known: dict[str, npt.NDArray[np.float32]] = {}
    if kept.exists():
        with np.load(kept) as loaded:
            known = dict(zip(loaded["keys"].tolist(), loaded["rows"], strict=True))
    keys = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24] for text in texts]
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if missing:
        rows = asyncio.run(_embedded(list(missing.values())))
        known.update(zip(missing, rows, strict=True))
        np.savez(kept, keys=np.array(list(known)), rows=np.stack(list(known.values())))
    return np.stack([known[key] for key in keys])


async def _embedded(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    encoder = Defender(Path(tempfile.gettempdir()) / "thriftgate-safety")
    try:
        return np.concatenate(
            [await encoder.embed(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        )
    finally:
        await encoder.close()
