"""What calibration has to say, in sentences for the operator."""

from thriftgate.wording import percent


def promised(
    *, limit: float, delta: float, loss: str, cost_share: float, tested: int, net: float, got_worse: float
) -> str:
    """A promise that could be proved, with both ways to count what was lost: one alone hides the other."""
    counted = " (counting only answers that got worse)" if loss == "regressions" else " (net of what got better)"
    return (
        f"With {percent(1 - delta, 0)} confidence at most {percent(limit)} of quality is lost against always asking "
        f"the strongest tier{counted}, at {percent(cost_share, 0)} of its cost. On {tested} test labels {percent(net)} "
        f"was lost net; answers that got worse lost {percent(got_worse)}."
    )


def too_few(*, tested: int, needed: int, limit: float, delta: float) -> str:
    """Not enough labels for any promise."""
    return (
        f"Too few labels: {tested} for testing, and even without a single bad answer {needed} are needed to promise "
        f"{percent(limit)} with {percent(1 - delta, 0)} confidence. No cheap answer is accepted: everything escalates."
    )


def nothing_passed(*, limit: float, delta: float, tested: int) -> str:
    """No candidate that accepts anything passed its test."""
    return (
        f"No threshold keeps the loss below {percent(limit)} with {percent(1 - delta, 0)} confidence on {tested} "
        "labels. No cheap answer is accepted: everything escalates. More labels, better signals or a larger "
        "max_quality_loss would help."
    )


def nothing_cheaper(*, limit: float) -> str:
    """What passed costs more than the strongest tier alone."""
    return (
        f"Thresholds that keep the loss below {percent(limit)} accept so little that asking the cheaper tier first "
        "costs more than it saves. No cheap answer is accepted: the strongest tier alone is cheaper."
    )
