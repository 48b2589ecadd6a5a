"""The summary of labelled questions that an artefact keeps, so that unfamiliar ones are told.

Failure behaviour: without texts, or without the embedder, there is none; the artefact is written all the same.
"""

import asyncio
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from thriftgate.cli.waiting import waiting

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from thriftgate.cascade.familiarity import QuestionSummary
    from thriftgate.cli.cascade.parts.sources import LabelSource
    from thriftgate.ports import LoadedEmbedder

MOST_READ = 2_000
"""Questions that are embedded, drawn at random: more make no better summary, and take a few milliseconds each."""


def summary_of_labels(
    found: "LabelSource", config_file: Path | None, rng: "np.random.Generator"
) -> "QuestionSummary | None":
    """Embed the labels' questions and sum them up; None for too few, and where the embedder does not answer.

    Raises ConfigurationError where there is none as the configuration names it.
    """
    from thriftgate.cascade.calibration.summary import FEWEST, summary_of_questions
    from thriftgate.errors import StoreUnavailableError

    known = [text for text in found.questions if text]
    if len(known) < FEWEST:
        return None
    order: list[int] = rng.permutation(len(known)).tolist()
    drawn = [known[place] for place in order[:MOST_READ]]
    try:
        embedder = _embedder(config_file)
        with waiting(f"embedding {len(drawn):,} questions …"):
            vectors = asyncio.run(_embedded(embedder, drawn))
    except StoreUnavailableError:
        return None
    lengths = [math.log1p(len(text)) for text in drawn]
    # By their texts and not by the labels' groups: a question at no distance from itself would tell nothing of others.
    return summary_of_questions(vectors, lengths, drawn, rng, embedder=embedder.fingerprint)


def _embedder(config_file: Path | None) -> "LoadedEmbedder":
    """The one that will read the questions: as the configuration says, else the usual one."""
    from thriftgate.config import EmbedderConfig, load_section
    from thriftgate.stores.embedders import embedder_of

    if config_file is None:
        return embedder_of(EmbedderConfig(), Path(".thriftgate"), remembers=False)
    section = load_section(config_file, os.environ)
    return embedder_of(section.embedder, config_file.parent / section.data_dir, remembers=False)


async def _embedded(embedder: "LoadedEmbedder", texts: list[str]) -> "npt.NDArray[np.float32]":
    try:
        return await embedder.embed(texts)
    finally:
        await embedder.close()
