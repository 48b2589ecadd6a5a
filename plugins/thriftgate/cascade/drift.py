"""Has a route come to lose more than it promised? Asked of audits as they come in, at any time."""

from collections.abc import Iterable
from dataclasses import dataclass

from thriftgate.stats import BettingTest, Interval, wilson_interval


@dataclass(frozen=True, slots=True)
class Drift:
    """What the audits of accepted answers say."""

    audits: int
    bad: int
    quality_loss: Interval
    """Lost over all requests of the route: the share of bad answers among accepted ones, times those accepted."""
    evidence: float
    """An e-value; its reciprocal is an always-valid p-value."""
    is_drifting: bool
    """The loss is above the promise, and that is no accident."""


def drift_of(verdicts: Iterable[bool], *, accepted_share: float, max_quality_loss: float, alpha: float = 0.05) -> Drift:
    """Judge audits of randomly drawn accepted answers, oldest first; True: it was as good as the strongest tier's.

    Valid however often it is asked: a sequential test, so the warning may ring at the first look that sees it and
    still is wrong with a chance of at most `alpha`, ever.
    """
    if not 0 <= accepted_share <= 1:
        raise ValueError(f"a share lies between 0 and 1, not {accepted_share}")
    test = BettingTest(max_quality_loss, alpha=alpha)
    bad = 0
    for is_acceptable in verdicts:
        bad += not is_acceptable
        test.update(0.0 if is_acceptable else accepted_share)
    share = wilson_interval(bad, test.n)
    return Drift(
        audits=test.n,
        bad=bad,
        quality_loss=Interval(share.low * accepted_share, share.high * accepted_share, share.estimate * accepted_share),
        evidence=test.evidence,
        is_drifting=test.has_exceeded,
    )
