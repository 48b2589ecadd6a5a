"""Makes the embedder that a configuration names: MiniLM (`local`), static vectors (`fast`) or E5 (`multilingual`).

Failure behaviour: missing weights, and a stated length of vectors that is not the model's own, raise
ConfigurationError; nothing is loaded yet.
"""

from pathlib import Path

from thriftgate.config import EmbedderConfig
from thriftgate.errors import ConfigurationError
from thriftgate.ports import LoadedEmbedder


def embedder_of(config: EmbedderConfig, data_dir: Path, *, remembers: bool = True) -> LoadedEmbedder:
    """The embedder, to be loaded at its first text.

    `data_dir` is where a built model is kept. Without `remembers`, for a command that reads each text once, no vector
    is kept. Raises ConfigurationError.
    """
    made = _made(config, data_dir, cache_size=config.cache_size if remembers else 0)
    if config.dimensions not in (None, made.dimensions):
        raise ConfigurationError(
            [
                f"embedder.dimensions: the vectors of `{config.model}` have {made.dimensions} numbers, not "
                f"{config.dimensions}: take it out, it follows from `embedder.model`"
            ]
        )
    return made


# onnxruntime takes a while to import, which a gateway with the fast embedder need not wait for, nor hold in memory.
def _made(config: EmbedderConfig, data_dir: Path, *, cache_size: int) -> LoadedEmbedder:
    if config.model == "fast":
        from thriftgate.stores.wordllama.embedder import FastEmbedder

        return FastEmbedder(cache_size=cache_size)
    if config.model == "multilingual":
        from thriftgate.stores.e5.embedder import MultilingualEmbedder

        return MultilingualEmbedder(data_dir, cache_size=cache_size)
    from thriftgate.stores.minilm.embedder import LocalEmbedder

    return LocalEmbedder(data_dir, cache_size=cache_size)
