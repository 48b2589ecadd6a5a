"""Where Defender's weights are: inside the wheel `stackone-defender`, which is read but never imported.

Of the wheel's own code, its rules and its thresholds nothing is used. The weights are by StackOne, under Apache-2.0
(see NOTICE).

Failure behaviour: a missing wheel, or a wheel without one of the files, is a ConfigurationError that names the command
to run; it is raised when the gateway starts, not at the first request.
"""

from thriftgate.stores.wheel_files import EmbedderFiles, embedder_files

WHEEL = "stackone-defender"
MODEL = "defender-v5"


def find_defender() -> EmbedderFiles:
    """The model files of the installed wheel. Raises ConfigurationError when they are not there."""
    advice = f"the model of attacks needs the package {WHEEL}: run `uv sync`, or set `guards.injection.model: none`"
    return embedder_files(WHEEL, "model_quantized.onnx", "tokenizer.json", advice=advice)
