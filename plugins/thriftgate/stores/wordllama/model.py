"""Static vectors on this CPU: the mean of the word pieces' vectors, at length 1; nothing depends on their order.

A text longer than the window (256 word pieces) keeps its beginning and its end, which is where a question is asked;
what stood between them does not change the vector. Whoever compares vectors has to look at the words as well, and at
their order: the cache's guards do.

Failure behaviour: pure once loaded; total: any text has a vector. Files that cannot be read raise
OSError or ValueError.
"""

import numpy as np
import numpy.typing as npt

from thriftgate.stores.readable_texts import both_ends
from thriftgate.stores.wheel_files import EmbedderFiles
from thriftgate.stores.wordllama.files import MODEL
from thriftgate.types import Vector

DIMENSIONS = 256
MAX_PIECES = 256
POOLING_REVISION = 1
"""Goes up with every change that moves vectors; old ones are then never compared with new ones."""

_MAX_CHARACTERS = 4_096
"""Of longer texts only the first and last half of this are looked at: more has the window's word pieces ten times."""
_NOTHING = 1
"""The piece <s>, which stands for a text without any: every text has a vector."""


def fingerprint_of_wordllama(files: EmbedderFiles) -> str:
    """Names everything a vector depends on, in characters that files, keys and table names may hold."""
    return f"{MODEL}-{files.weights_hash}-mean-{MAX_PIECES}-r{POOLING_REVISION}"


class WordLlama:
    """The loaded vectors. Any thread may call it, and several at once."""

    def __init__(self, files: EmbedderFiles) -> None:
        # Both take a moment to import, which a gateway with another embedder need not wait for.
        from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # A user who writes "</s>" means the four characters.
        self._tokenizer.encode_special_tokens = True
        (table,) = load_file(files.weights).values()
        if table.shape[1] != DIMENSIONS:
            raise ValueError(f"the vectors have {table.shape[1]} numbers, not {DIMENSIONS}")
        # 33 MB instead of 16: half precision would have to be widened at every text, which doubles its time.
        self._table: npt.NDArray[np.float32] = table.astype(np.float32)

    def vector(self, text: str) -> Vector:
        """The text's vector, of length 1."""
        (encoding,) = self._tokenizer.encode_batch_fast([both_ends(text, _MAX_CHARACTERS)], add_special_tokens=False)
        summed = self._table.take(_window(encoding.ids) or [_NOTHING], axis=0).sum(axis=0)
        return summed / np.linalg.norm(summed)


def _window(ids: list[int]) -> list[int]:
    half = MAX_PIECES // 2
    return ids if len(ids) <= MAX_PIECES else ids[:half] + ids[-half:]
