"""Defender's published graph as the plain tensors of a MiniLM, which our own graph is written from.

The published one quantises what flows through it with one scale for the whole batch, so that the vector of a text
changes with the texts beside it; ours does not (`minilm.graph`). Its matrices are integers of eight bits with a scale
and a zero point to each column, its tables of words and places the same with one of each; its two heads are left out.

Only this module and `minilm.graph` import `onnx`, and only when no built graph is on disk.

Failure behaviour: a graph of another shape than the published one is a KeyError or ValueError.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from thriftgate.stores.minilm.graph import Weights

_PREFIX = "base."
_LAYER = re.compile(r"/base/(encoder/layer\.\d+/.+)/MatMul_quant")
_TABLES = ("word", "position", "token_type")


def read_defender(published: Path) -> Weights:
    """The tensors by the names that BERT's own files have, in float32; matrices of shape (outputs, inputs)."""
    graph = onnx.load(str(published)).graph
    given = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {
        name.removeprefix(_PREFIX): value
        for name, value in given.items()
        if name.startswith(_PREFIX) and name.endswith((".bias", ".LayerNorm.weight"))
    }
    for table in _TABLES:
        name = f"embeddings.{table}_embeddings.weight"
        found[name] = _widened(given, f"{_PREFIX}{name}")
    for node in graph.node:
        layer = _LAYER.fullmatch(node.name) if node.op_type == "MatMulInteger" else None
        if layer is not None:
            name = node.input[1].removesuffix("_quantized")
            found[f"{layer[1].replace('/', '.')}.weight"] = np.ascontiguousarray(_widened(given, name).T)
    return found


def _widened(given: Mapping[str, npt.NDArray[Any]], name: str) -> npt.NDArray[np.float32]:
    integers, scale, zero = (given[f"{name}_{part}"] for part in ("quantized", "scale", "zero_point"))
    return (integers.astype(np.float32) - zero.astype(np.float32)) * scale.astype(np.float32)
