"""Where WordLlama's vectors are: inside the wheel `wordllama`, which is read but never imported.

The wheel's own module would set up logging for the whole process and may download from a hub; its files need neither.

Failure behaviour: a missing wheel, or a wheel without one of the files, is a ConfigurationError that says what to do;
it is raised when an embedder is made, not at the first request.
"""

from thriftgate.stores.wheel_files import EmbedderFiles, embedder_files

WHEEL = "wordllama"
MODEL = "wordllama-l2-supercat-256"
_WEIGHTS = "l2_supercat_256.safetensors"
"""float16: a vector for each word piece."""


def find_wordllama() -> EmbedderFiles:
    """The model files of the installed wheel. Raises ConfigurationError when they are not there."""
    advice = (
        f"the fast embedder needs the package {WHEEL}, which has wheels for Linux on x86-64 and for macOS: "
        "run `uv sync`, or set `embedder.model: local`"
    )
    return embedder_files(WHEEL, _WEIGHTS, "l2_supercat_tokenizer_config.json", advice=advice)
