"""A sentence encoder as an ONNX graph: BERT layers, mean pooling and unit length, from the published weights alone.

MiniLM's takes `input_ids` (batch, sequence) and `lengths` (batch,), both int32, padded on the right with any id,
and gives `embedding` (batch, 384); a model whose words are no table of the graph takes `embedded` (batch, sequence,
384), float32, in their place. It is written with onnxruntime's fused operators (domain com.microsoft), but for the sums
and the normalisation behind each layer: the loop of the fused one takes more than three times as long as theirs.

In `int8` the matrices hold one scale per output channel, and each token's activations get a scale of their own.
onnxruntime's own dynamic quantisation has one scale for the whole batch: there, the vector of a text changes with
the texts that happen to be computed beside it (measured: cosine down to 0.98). Here it does not change at all,
so a cache finds again what it stored. Two more things keep the vectors close to float32's, after LLM.int8()
(Dettmers et al., arXiv 2208.07339): the few channels that are always far louder than the others are multiplied in
float32, and the activation's output, which hardly goes below zero, uses all 256 steps above its floor.

Only this module imports `onnx`, and it is only imported when no built graph is on disk.

Failure behaviour: a missing tensor is a KeyError, which means that the installed weights are another model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]

Precision = Literal["int8", "fp32"]
Weights = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float32]

HEADS = 12
WIDTH = 384


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """What two encoders of this width differ in."""

    name: str
    layers: int
    loud_channels: tuple[int, ...]
    """Where the hidden states are 5 to 20 times as large as elsewhere, in most layers and for every text."""
    has_words: bool = True
    """The graph holds the words' vectors; else it is given those of a text."""


MINILM_SHAPE = EncoderShape("all-minilm-l6-v2", 6, (63, 99, 127, 157, 223, 267, 319, 338))
GELU_FLOOR = 0.17
"""No value of the GELU is below -0.17 (its minimum is -0.16997)."""
_EPSILON = 1e-12
_FUSED = "com.microsoft"
_IR_VERSION = 9
_OPSET = 18


def read_weights(path: Path) -> Weights:
    """The tensors of a safetensors file by name."""
    return load_file(path)


def build_graph(weights: Weights, precision: Precision, shape: EncoderShape = MINILM_SHAPE) -> bytes:
    """The serialised ONNX model; the same bytes for the same weights, every time."""
    return _GraphWriter(weights, precision, shape).write()


class _GraphWriter:
    """Collects nodes and constants; every method adds a piece and returns the name of its output."""

    def __init__(self, weights: Weights, precision: Precision, shape: EncoderShape) -> None:
        self._shape = shape
        self._weights = weights
        self._precision = precision
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def write(self) -> bytes:
        hidden = self._normalised(self._words() if self._shape.has_words else self._given())
        for layer in range(self._shape.layers):
            hidden = self._attend(f"encoder.layer.{layer}", hidden)
            hidden = self._feed_forward(f"encoder.layer.{layer}", hidden)
        self._pool(hidden)
        given = (
            helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["batch", "sequence"])
            if self._shape.has_words
            else helper.make_tensor_value_info("embedded", TensorProto.FLOAT, ["batch", "sequence", WIDTH])
        )
        graph = helper.make_graph(
            self._nodes,
            self._shape.name,
            [given, helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", WIDTH])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="thriftgate")
        return model.SerializeToString(deterministic=True)

    def _given(self) -> str:
        """Word + position + segment embeddings of the caller's."""
        self._node("Shape", ["embedded"], "sequence", start=1, end=2)
        return "embedded"

    def _words(self) -> str:
        """Word + position + segment embeddings. There is one segment: its vector joins the positions."""
        positions = self._weight("embeddings.position_embeddings.weight")
        segment = self._weight("embeddings.token_type_embeddings.weight")[0]
        words = self._constant("words", self._weight("embeddings.word_embeddings.weight").astype(np.float16))
        # Half precision halves the largest table and moves no vector by more than 1e-6; the sums are float32.
        half = self._node("Gather", [words, "input_ids"], "word_half")
        word = self._node("Cast", [half], "word", to=TensorProto.FLOAT)
        sequence = self._node("Shape", ["input_ids"], "sequence", start=1, end=2)
        table = self._constant("positions", positions + segment)
        place = self._node("Slice", [table, self._integers("from", 0), sequence], "place")
        return self._node("Add", [word, place], "embedded")

    def _normalised(self, summed: str) -> str:
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
        projected, bias_name = self._matmul(hidden, f"{layer}.qkv", matrix, bias, kind="norm")
        parts = [f"{layer}.{part}" for part in "qkv"]
        self._nodes.append(
            helper.make_node("Split", [projected, self._integers("thirds", WIDTH, WIDTH, WIDTH)], parts, axis=-1)
        )
        attended = self._node(
            "MultiHeadAttention",
            [*parts, bias_name, "lengths"],
            f"{layer}.attended",
            fused=True,
            num_heads=HEADS,
        )
        return self._join(f"{layer}.attention.output", attended, hidden, kind="any")

    def _feed_forward(self, layer: str, hidden: str) -> str:
        widened, bias = self._linear(f"{layer}.intermediate.dense", hidden, kind="norm")
        activated = self._node("BiasGelu", [widened, bias], f"{layer}.activated", fused=True)
        return self._join(f"{layer}.output", activated, hidden, kind="gelu")

    def _join(self, name: str, inner: str, hidden: str, *, kind: str) -> str:
        """Project `inner` back, add it to `hidden`, normalise."""
        projected, bias = self._linear(f"{name}.dense", inner, kind=kind)
        moved = self._node("Add", [projected, bias], f"{name}.moved")
        joined = self._node("Add", [moved, hidden], f"{name}.joined")
        return self._node(
            "LayerNormalization", [joined, *self._norm(f"{name}.LayerNorm")], f"{name}.out", axis=-1, epsilon=_EPSILON
        )

    def _linear(self, name: str, left: str, *, kind: str) -> tuple[str, str]:
        matrix, bias = self._weight(f"{name}.weight").T, self._weight(f"{name}.bias")
        return self._matmul(left, name, matrix, bias, kind=kind)

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

    def _matmul(self, left: str, name: str, matrix: Floats, bias: Floats, *, kind: str = "any") -> tuple[str, str]:
        """`left` @ `matrix`, shape (inputs, outputs), without its bias: the bias to add comes beside it.

        `kind` says what `left` is: "norm" the output of a normalisation, "gelu" that of the activation.
        """
        if self._precision == "fp32":
            product = self._node("MatMul", [left, self._constant(f"{name}.matrix", matrix)], f"{name}.product")
            return product, self._constant(f"{name}.bias", bias)
        aside: str | None = None
        if kind == "norm":
            left, matrix, aside = self._set_loud_channels_aside(left, name, matrix)
        scales = np.maximum(np.abs(matrix).max(axis=0) / 127, np.finfo(np.float32).tiny).astype(np.float32)
        quantised = np.clip(np.rint(matrix / scales), -127, 127).astype(np.int8)
        if kind == "gelu":
            left = self._node("Add", [left, self._float("gelu_floor", GELU_FLOOR)], f"{name}.raised")
            bias = bias - np.float32(GELU_FLOOR) * (quantised.astype(np.float32) * scales).sum(axis=0)
        integers, scale, middle = self._quantise_rows(left, name, is_positive=kind == "gelu")
        unscaled = self._node(
            "MatMulIntegerToFloat",
            [
                integers,
                self._constant(f"{name}.matrix", quantised),
                self._float("one", 1),
                self._constant(f"{name}.scales", scales),
                middle,
                self._constant(f"{name}.zeros", np.zeros_like(scales, dtype=np.int8)),
            ],
            f"{name}.unscaled",
            fused=True,
        )
        product = self._node("Mul", [unscaled, scale], f"{name}.scaled_back")
        if aside is not None:
            product = self._node("Add", [product, aside], f"{name}.product")
        return product, self._constant(f"{name}.bias", bias)

    def _quantise_rows(self, left: str, name: str, *, is_positive: bool) -> tuple[str, str, str]:
        """Each row in 8 bits: the integers, the scale of each row, and the integer that stands for zero."""
        size = left if is_positive else self._node("Abs", [left], f"{name}.size")
        steps, zero = (255, 0) if is_positive else (127, 128)
        peak = self._node("ReduceMax", [size, self._integers("last", -1)], f"{name}.peak", keepdims=1)
        scale = self._node("Mul", [peak, self._float(f"step_{steps}", 1 / steps)], f"{name}.scale")
        scaled = self._node("Div", [left, scale], f"{name}.rescaled")
        middle = self._constant(f"middle_{zero}", np.array(zero, dtype=np.uint8))
        integers = self._node("QuantizeLinear", [scaled, self._float("one", 1), middle], f"{name}.integers")
        return integers, scale, middle

    def _set_loud_channels_aside(self, left: str, name: str, matrix: Floats) -> tuple[str, Floats, str]:
        """What is left without the loud channels, its matrix, and their own product in float32."""
        loud = list(self._shape.loud_channels)
        quiet = np.ones(WIDTH, dtype=np.float32)
        quiet[loud] = 0
        picked = self._node("Gather", [left, self._integers("loud", *loud)], f"{name}.loud", axis=-1)
        aside = self._node("MatMul", [picked, self._constant(f"{name}.loud_matrix", matrix[loud])], f"{name}.aside")
        muted = self._node("Mul", [left, self._constant("quiet", quiet)], f"{name}.muted")
        return muted, matrix * quiet[:, None], aside

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

    def _float(self, name: str, value: float) -> str:
        return self._constant(name, np.array(value, dtype=np.float32))

    def _integers(self, name: str, *values: int) -> str:
        return self._constant(name, np.array(values, dtype=np.int64))

    def _scalar(self, name: str, value: int) -> str:
        return self._constant(name, np.array(value, dtype=np.int64))
