"""MiniLM as an ONNX graph: six BERT layers, mean pooling and unit length, from the published weights alone.

The graph takes `input_ids` (batch, sequence) and `lengths` (batch,), both int32, padded on the right with any id,
and gives `embedding` (batch, 384). It is written with onnxruntime's fused operators (domain com.microsoft).

In `int8` the matrices hold one scale per output channel and each token's activations get a scale of their own.
onnxruntime's own dynamic quantisation has one scale for the whole batch: there, the vector of a text changes with
the texts that happen to be computed beside it (measured: cosine down to 0.98). Here it does not change at all,
so a cache finds again what it stored.

Only this module imports `onnx`, and it is only imported when no built graph is on disk.

Failure behaviour: a missing tensor is a KeyError, which means that the installed weights are another model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]

Precision = Literal["int8", "fp32"]
Weights = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float32]

LAYERS = 6
HEADS = 12
WIDTH = 384
_EPSILON = 1e-12
_FUSED = "com.microsoft"
_IR_VERSION = 9
_OPSET = 18


def read_weights(path: Path) -> Weights:
    """The tensors of a safetensors file by name."""
    return load_file(path)


def build_graph(weights: Weights, precision: Precision) -> bytes:
    """The serialised ONNX model; the same bytes for the same weights, every time."""
    return _GraphWriter(weights, precision).write()


class _GraphWriter:
    """Collects nodes and constants; every method adds a piece and returns the name of its output."""

    def __init__(self, weights: Weights, precision: Precision) -> None:
        self._weights = weights
        self._precision = precision
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def write(self) -> bytes:
        hidden = self._embed()
        for layer in range(LAYERS):
            hidden = self._attend(f"encoder.layer.{layer}", hidden)
            hidden = self._feed_forward(f"encoder.layer.{layer}", hidden)
        self._pool(hidden)
        graph = helper.make_graph(
            self._nodes,
            "all-minilm-l6-v2",
            [
                helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["batch", "sequence"]),
                helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"]),
            ],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", WIDTH])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="thriftgate")
        return model.SerializeToString(deterministic=True)

    def _embed(self) -> str:
        """Word + position + segment embeddings, normalised. There is one segment: its vector joins the positions."""
        positions = self._weight("embeddings.position_embeddings.weight")
        segment = self._weight("embeddings.token_type_embeddings.weight")[0]
        words = self._constant("words", self._weight("embeddings.word_embeddings.weight").astype(np.float16))
        # Half precision halves the largest table and moves no vector by more than 1e-6; the sums are float32.
        half = self._node("Gather", [words, "input_ids"], "word_half")
        word = self._node("Cast", [half], "word", to=TensorProto.FLOAT)
        sequence = self._node("Shape", ["input_ids"], "sequence", start=1, end=2)
        table = self._constant("positions", positions + segment)
        place = self._node("Slice", [table, self._integers("from", 0), sequence], "place")
        summed = self._node("Add", [word, place], "embedded")
        return self._node(
            "LayerNormalization",
            [summed, *self._norm("embeddings.LayerNorm")],
            "hidden",
            axis=-1,
            epsilon=_EPSILON,
        )

    def _attend(self, layer: str, hidden: str) -> str:
        names = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        matrix = np.concatenate([self._weight(f"{name}.weight").T for name in names], axis=1)
        bias = np.concatenate([self._weight(f"{name}.bias") for name in names])
        projected = self._matmul(hidden, f"{layer}.qkv", matrix)
        parts = [f"{layer}.{part}" for part in "qkv"]
        self._nodes.append(
            helper.make_node("Split", [projected, self._integers("thirds", WIDTH, WIDTH, WIDTH)], parts, axis=-1)
        )
        attended = self._node(
            "MultiHeadAttention",
            [*parts, self._constant(f"{layer}.qkv.bias", bias), "lengths"],
            f"{layer}.attended",
            fused=True,
            num_heads=HEADS,
        )
        return self._join(f"{layer}.attention.output", attended, hidden)

    def _feed_forward(self, layer: str, hidden: str) -> str:
        name = f"{layer}.intermediate.dense"
        widened = self._matmul(hidden, name, self._weight(f"{name}.weight").T)
        bias = self._constant(f"{name}.bias", self._weight(f"{name}.bias"))
        activated = self._node("BiasGelu", [widened, bias], f"{layer}.activated", fused=True)
        return self._join(f"{layer}.output", activated, hidden)

    def _join(self, name: str, inner: str, hidden: str) -> str:
        """Project `inner` back, add it to `hidden`, normalise."""
        projected = self._matmul(inner, f"{name}.dense", self._weight(f"{name}.dense.weight").T)
        bias = self._constant(f"{name}.dense.bias", self._weight(f"{name}.dense.bias"))
        inputs = [projected, hidden, *self._norm(f"{name}.LayerNorm"), bias]
        return self._node("SkipLayerNormalization", inputs, f"{name}.joined", fused=True, epsilon=_EPSILON)

    def _pool(self, hidden: str) -> None:
        """Sum over the real tokens, then unit length: dividing by their number would cancel out."""
        sequence = self._node("Squeeze", ["sequence"], "sequence_scalar")
        places = self._node("Range", [self._scalar("zero", 0), sequence, self._scalar("step", 1)], "places")
        lengths = self._node("Cast", ["lengths"], "lengths_long", to=TensorProto.INT64)
        ends = self._node("Unsqueeze", [lengths, self._integers("axis", 1)], "ends")
        real = self._node("Cast", [self._node("Less", [places, ends], "is_real")], "real", to=TensorProto.FLOAT)
        row = self._node("Unsqueeze", [real, "axis"], "real_row")
        summed = self._node("Squeeze", [self._node("MatMul", [row, hidden], "sum_row"), "axis"], "sum")
        self._node("LpNormalization", [summed], "embedding", axis=-1, p=2)

    def _matmul(self, left: str, name: str, matrix: Floats) -> str:
        """`left` @ `matrix`, shape (inputs, outputs), in the chosen precision."""
        if self._precision == "fp32":
            return self._node("MatMul", [left, self._constant(f"{name}.weight", matrix)], f"{name}.product")
        scales = np.maximum(np.abs(matrix).max(axis=0) / 127, np.finfo(np.float32).tiny).astype(np.float32)
        quantised = np.clip(np.rint(matrix / scales), -127, 127).astype(np.int8)
        one, middle = (
            self._constant("one", np.array(1, dtype=np.float32)),
            self._constant("middle", np.array(128, dtype=np.uint8)),
        )
        size = self._node("Abs", [left], f"{name}.size")
        peak = self._node("ReduceMax", [size, self._integers("last", -1)], f"{name}.peak", keepdims=1)
        scale = self._node(
            "Mul", [peak, self._constant("step_127", np.array(1 / 127, dtype=np.float32))], f"{name}.scale"
        )
        scaled = self._node("Div", [left, scale], f"{name}.scaled")
        bytes_ = self._node("QuantizeLinear", [scaled, one, middle], f"{name}.bytes")
        product = self._node(
            "MatMulIntegerToFloat",
            [
                bytes_,
                self._constant(f"{name}.weight", quantised),
                one,
                self._constant(f"{name}.scales", scales),
                middle,
                self._constant(f"{name}.zeros", np.zeros_like(scales, dtype=np.int8)),
            ],
            f"{name}.unscaled",
            fused=True,
        )
        return self._node("Mul", [product, scale], f"{name}.product")

    def _norm(self, name: str) -> Sequence[str]:
        return [self._constant(f"{name}.{part}", self._weight(f"{name}.{part}")) for part in ("weight", "bias")]

    def _weight(self, name: str) -> Floats:
        return np.asarray(self._weights[name], dtype=np.float32)

    def _node(
        self, operator: str, inputs: Sequence[str], output: str, *, fused: bool = False, **attributes: Any
    ) -> str:
        domain = _FUSED if fused else ""
        self._nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def _constant(self, name: str, value: npt.NDArray[Any]) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        return name

    def _integers(self, name: str, *values: int) -> str:
        return self._constant(name, np.array(values, dtype=np.int64))

    def _scalar(self, name: str, value: int) -> str:
        return self._constant(name, np.array(value, dtype=np.int64))
