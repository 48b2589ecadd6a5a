"""Rampart's network with 8-bit matrices instead of the published 4-bit ones, for one text at a time.

Four bits save download; this CPU has to widen them again for every product. Eight bits are what its integer
instructions multiply: 10 ms per 100 word pieces instead of 25, and the spans of 1,231 of 1,500 texts are the same
(F2 of names .870 instead of .872).

The graph takes `input_ids` (words,), int64, and gives `logits` (words, labels); nothing is padded, so it has no mask.
It is written anew, since onnxruntime runs the published nodes a third slower: of the sums and the normalisation behind
each layer it makes one operator, whose loop takes more than three times as long as theirs, and it moves queries, keys
and values about before it multiplies them. Its numbers differ from those of `onnxruntime.quantization` by rounding.

Only this module imports `onnx`, and it is only imported when no built graph is on disk.

Failure behaviour: a graph of another shape than the published one is a KeyError or ValueError.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

_HEADS = 12
_EPSILON = 1e-12
_FUSED = "com.microsoft"
_OPSET, _IR_VERSION = 18, 9


def build_token_graph(published: Path) -> bytes:
    """The serialised ONNX model."""
    graph = onnx.load(str(published)).graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    return _TokenGraph(constants, _matrices(graph, constants)).write()


class _TokenGraph:
    """Collects nodes and constants; every method adds a piece and returns the name of its output."""

    def __init__(self, published: Mapping[str, Array], matrices: Mapping[str, Floats]) -> None:
        self._published = published
        self._matrices = matrices
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def write(self) -> bytes:
        hidden = self._normalised(self._embedded(), "bert.embeddings.LayerNorm")
        layer = 0
        while f"bert.encoder.layer.{layer}.output.dense" in self._matrices:
            hidden = self._read_layer(f"bert.encoder.layer.{layer}", hidden)
            layer += 1
        logits = self._projected(hidden, "classifier")
        labels = len(self._published["classifier.bias"])
        graph = helper.make_graph(
            self._nodes,
            "rampart",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["words"])],
            [helper.make_tensor_value_info(logits, TensorProto.FLOAT, ["words", labels])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="thriftgate")
        return model.SerializeToString(deterministic=True)

    def _embedded(self) -> str:
        """Word, position and segment; there is one segment, whose vector joins the positions."""
        name = "bert.embeddings.word_embeddings.weight"
        table = self._constant("words", self._published[f"{name}_quantized"])
        rows = self._node("Gather", [table, "input_ids"], "words_in_bytes")
        scale, zero = (
            self._constant(f"words_{part}", self._published[f"{name}_{part}"]) for part in ("scale", "zero_point")
        )
        words = self._node("DequantizeLinear", [rows, scale, zero], "word_vectors")
        places = self._widened("position_embeddings") + self._widened("token_type_embeddings")[0]
        count = self._node("Shape", ["input_ids"], "count")
        first = self._constant("first", np.array([0], dtype=np.int64))
        place = self._node("Slice", [self._constant("places", places), first, count], "place_vectors")
        return self._node("Add", [words, place], "embedded")

    def _widened(self, table: str) -> Floats:
        name = f"bert.embeddings.{table}.weight"
        scale, zero = (self._published[f"{name}_{part}"].astype(np.float32) for part in ("scale", "zero_point"))
        return (self._published[f"{name}_quantized"].astype(np.float32) - zero) * scale

    def _read_layer(self, layer: str, hidden: str) -> str:
        attended = self._attended(f"{layer}.attention.self", hidden)
        joined = self._node(
            "Add", [self._projected(attended, f"{layer}.attention.output.dense"), hidden], f"{layer}.seen"
        )
        hidden = self._normalised(joined, f"{layer}.attention.output.LayerNorm")
        inner = self._projected(hidden, f"{layer}.intermediate.dense")
        activated = self._node("Gelu", [inner], f"{layer}.activated", fused=True)
        joined = self._node("Add", [self._projected(activated, f"{layer}.output.dense"), hidden], f"{layer}.thought")
        return self._normalised(joined, f"{layer}.output.LayerNorm")

    def _attended(self, name: str, hidden: str) -> str:
        """Queries, keys and values stay as the projection wrote them; the products step over them by head."""
        width = self._matrices[f"{name}.query"].shape[1]
        integers = self._node("DynamicQuantizeLinear", [hidden], f"{name}.integers", f"{name}.scale", f"{name}.zero")
        by_head = self._constant("by_head", np.array([-1, _HEADS, width // _HEADS], dtype=np.int64))
        query, key, value = (
            self._node("Reshape", [self._product(integers, f"{name}.{part}", name), by_head], f"{name}.{part}.by_head")
            for part in ("query", "key", "value")
        )
        scores = self._node(
            "FusedMatMul",
            [query, key],
            f"{name}.scores",
            fused=True,
            alpha=(width // _HEADS) ** -0.5,
            transB=1,
            transBatchA=1,
            transBatchB=1,
        )
        shares = self._node("Softmax", [scores], f"{name}.shares", axis=-1)
        mixed = self._node("FusedMatMul", [shares, value], f"{name}.mixed", fused=True, transBatchB=1)
        turned = self._node("Transpose", [mixed], f"{name}.turned", perm=[1, 0, 2])
        return self._node(
            "Reshape", [turned, self._constant("in_a_row", np.array([-1, width], dtype=np.int64))], f"{name}.out"
        )

    def _product(self, integers: str, name: str, given: str) -> str:
        """The projection of what is in 8 bits already."""
        matrix, scales, bias = self._in_bytes(name)
        inputs = [integers, matrix, f"{given}.scale", scales, f"{given}.zero", "", bias]
        return self._node("MatMulIntegerToFloat", inputs, f"{name}.product", fused=True)

    def _projected(self, left: str, name: str) -> str:
        matrix, scales, bias = self._in_bytes(name)
        output = "logits" if name == "classifier" else f"{name}.product"
        return self._node("DynamicQuantizeMatMul", [left, matrix, scales, "", bias], output, fused=True)

    def _in_bytes(self, name: str) -> tuple[str, str, str]:
        """The matrix with one scale to a column, and the bias; their names."""
        matrix = self._matrices[name]
        scales = np.maximum(np.abs(matrix).max(axis=0) / 127, np.finfo(np.float32).tiny).astype(np.float32)
        integers = np.clip(np.rint(matrix / scales), -127, 127).astype(np.int8)
        bias = self._constant(f"{name}.bias", self._published[f"{name}.bias"])
        return self._constant(f"{name}.matrix", integers), self._constant(f"{name}.scales", scales), bias

    def _normalised(self, summed: str, name: str) -> str:
        parts = [self._constant(f"{name}.{part}", self._published[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self._node("LayerNormalization", [summed, *parts], f"{name}.out", axis=-1, epsilon=_EPSILON)

    def _node(self, operator: str, inputs: list[str], *outputs: str, fused: bool = False, **attributes: Any) -> str:
        domain = _FUSED if fused else ""
        self._nodes.append(helper.make_node(operator, inputs, list(outputs), domain=domain, **attributes))
        return outputs[0]

    def _constant(self, name: str, value: Array) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        return name


def _matrices(graph: Any, constants: Mapping[str, Array]) -> dict[str, Floats]:
    """Every matrix, shape (inputs, outputs), in float32, by its layer's name: "bert.encoder.layer.0.output.dense"."""
    matrices: dict[str, Floats] = {}
    for node in graph.node:
        if node.op_type != "MatMulNBits":
            continue
        given = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        matrix = _matrix(
            constants[node.input[1]],
            constants[node.input[2]],
            constants[node.input[3]] if len(node.input) > 3 and node.input[3] else None,
            rows=int(given["N"]),
            columns=int(given["K"]),
            block=int(given["block_size"]),
        )
        matrices[node.name.removesuffix("/MatMul_Q4").strip("/").replace("/", ".")] = np.ascontiguousarray(matrix.T)
    return matrices


def _matrix(
    packed: Array, scales: Array, zeros: Array | None, *, rows: int, columns: int, block: int
) -> npt.NDArray[np.float32]:
    """Shape (rows, columns): two values to a byte, the lower half first; one scale, and one zero point, to a block."""
    blocks = -(-columns // block)
    values = _nibbles(packed.reshape(rows, -1))[:, : blocks * block].reshape(rows, blocks, block).astype(np.float32)
    if zeros is None:
        values -= 8.0
    else:
        values -= _nibbles(zeros.reshape(rows, -1))[:, :blocks, None].astype(np.float32)
    values *= scales.astype(np.float32).reshape(rows, blocks)[:, :, None]
    return values.reshape(rows, blocks * block)[:, :columns]


def _nibbles(packed: Array) -> npt.NDArray[np.uint8]:
    out = np.empty((packed.shape[0], packed.shape[1] * 2), dtype=np.uint8)
    out[:, 0::2] = packed & 0x0F
    out[:, 1::2] = packed >> 4
    return out
