"""What calibration has to say, in sentences for the operator."""

from thriftgate.stats import Interval


def promised(
    *, limit: float, delta: float, loss: str, cost_share: float, tested: int, net: float, got_worse: float
) -> str:
    """A promise that could be proved, with both ways to count what was lost: one alone hides the other."""
    counted = " (counting only answers that got worse)" if loss == "regressions" else " (net of what got better)"
    return (
        f"With {1 - delta:.0%} confidence at most {limit:.1%} of quality is lost against always asking the strongest "
        f"tier{counted}, at {cost_share:.0%} of its cost. On {tested} test labels {net:.1%} was lost net; answers that "
        f"got worse lost {got_worse:.1%}."
    )


def too_few(*, tested: int, needed: int, limit: float, delta: float) -> str:
    """Not enough labels for any promise."""
    return (
        f"Too few labels: {tested} for testing, and even without a single bad answer {needed} are needed to promise "
        f"{limit:.1%} with {1 - delta:.0%} confidence. No cheap answer is accepted: everything escalates."
    )


def nothing_passed(*, limit: float, delta: float, tested: int) -> str:
    """No candidate that accepts anything passed its test."""
    return (
        f"No threshold keeps the loss below {limit:.1%} with {1 - delta:.0%} confidence on {tested} labels. No cheap "
        "answer is accepted: everything escalates. More labels, better signals or a larger max_quality_loss would help."
    )


def nothing_cheaper(*, limit: float) -> str:
    """What passed costs more than the strongest tier alone."""
    return (
        f"Thresholds that keep the loss below {limit:.1%} accept so little that asking the cheaper tier first costs "
        "more than it saves. No cheap answer is accepted: the strongest tier alone is cheaper."
    )


def interval(value: Interval, *, percent: bool = True) -> str:
    """An estimate with its interval."""
    if percent:
        return f"{value.estimate:.1%} [{value.low:.1%}, {value.high:.1%}]"
    return f"{value.estimate:.3f} [{value.low:.3f}, {value.high:.3f}]"
