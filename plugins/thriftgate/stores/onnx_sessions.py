"""A model as onnxruntime runs it beside a proxy: on as many threads as are given, which wait without spinning.

Failure behaviour: what onnxruntime raises of a graph that it cannot read.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_SLOWER = "SkipLayerNormFusion"
"""Makes one operator of a normalisation and the sums before it, whose loop takes more than three times as long."""


def session_of(
    graph: Path | bytes, threads: int, *, keeps_plans: bool = True, is_exact: bool = False
) -> "InferenceSession":
    """A loaded graph, of the file if there is one: given as bytes, onnxruntime keeps a second copy of its weights.

    Args:
        graph: As `kept_graph` gives it.
        threads: CPU threads of one call.
        keeps_plans: It keeps a plan, and one block as large as the plan, for each shape of input: of texts there are
            hundreds.
        is_exact: Products of 8-bit integers never overflow, which takes some processors longer.
    """
    import onnxruntime

    options: Any = onnxruntime.SessionOptions()  # pyright: ignore[reportUnknownVariableType]
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = keeps_plans
    # A thread that spins while it waits takes its core from the proxy beside it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if is_exact and not _has_vnni():
        # Such processors add pairs of 8-bit products in 16 bits, which overflow; this is slower and exact.
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3
    source = str(graph) if isinstance(graph, Path) else graph
    return onnxruntime.InferenceSession(
        source, options, providers=["CPUExecutionProvider"], disabled_optimizers=[_SLOWER]
    )


def _has_vnni() -> bool:
    """Whether an x86 processor multiplies 8-bit integers into 32 bits; False where nobody says so."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_vnni" in flags or "avx_vnni" in flags
