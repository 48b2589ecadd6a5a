"""Make the centre of the multilingual embedder's vectors again: `python -m evals.cache.centre [--write]`.

Every vector of multilingual-e5-small has one large part in common with all others. It is measured on the questions of
`tests/unit/caching/differences/other_questions.json`, our own, in a dozen languages, which no figure of hits is about.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator
from typing import cast

import numpy as np
from evals.cache.data import ROOT, SCRATCH

from thriftgate.stores.e5.embedder import MultilingualEmbedder

TARGET = ROOT / "plugins" / "thriftgate" / "stores" / "e5" / "centre.json"
QUESTIONS = ROOT / "tests" / "unit" / "caching" / "differences" / "other_questions.json"


def questions() -> list[str]:
    """Each once."""
    return sorted(set(_texts(json.loads(QUESTIONS.read_text(encoding="utf-8")))))


def _texts(found: object) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        for one in cast("dict[str, object]", found).values():
            yield from _texts(one)
    elif isinstance(found, list):
        for one in cast("list[object]", found):
            yield from _texts(one)


async def _mean(texts: list[str]) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    embedder = MultilingualEmbedder(SCRATCH, cache_size=0, is_centred=False, precision="fp32")
    try:
        rows = await embedder.embed(texts)
    finally:
        await embedder.close()
    return rows.mean(axis=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    texts = questions()
    mean = asyncio.run(_mean(texts))
    made = {"made_by": "python -m evals.cache.centre --write", "questions": len(texts)}
    text = json.dumps({**made, "centre": [round(float(one), 5) for one in mean]}) + "\n"
    print(text[:300])
    if parser.parse_args().write:
        TARGET.write_text(text, encoding="utf-8")
