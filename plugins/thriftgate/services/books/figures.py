"""The figures of a period on one screen of JSON: what was spent, saved and checked, and what came of it. Pure.

They are those of the live page, of `thriftgate report` and of the dashboard in Langfuse.
"""

from typing import Any

from thriftgate.services.books.overview import Overview
from thriftgate.services.books.standing import Judged
from thriftgate.stats.tallies import RequestTally
from thriftgate.types import DecisionKind


def figures_of(overview: Overview) -> dict[str, Any]:
    """Counts, US dollars, and verdicts by route."""
    total = overview.tallies.total or RequestTally(group=None)
    checking = overview.checking_cost_usd
    count = total.decisions.get
    return {
        "period": overview.period.name,
        "since": overview.since,
        "until": overview.until,
        "requests": total.requests,
        "failures": total.failures,
        "hits": count(DecisionKind.EXACT_HIT, 0) + count(DecisionKind.SEMANTIC_HIT, 0),
        "escalations": count(DecisionKind.ESCALATED, 0),
        "cost_usd": total.money.cost,
        "checking_cost_usd": checking,
        "spent_usd": total.money.cost + checking,
        "saved_usd": total.saved_usd,
        "net_saved_usd": total.saved_usd - checking,
        "quality": {
            one.route: {
                "answers": _verdicts(one.audits),
                "hits": _verdicts(one.verifications),
                "feedback": _verdicts(one.feedback),
            }
            for one in overview.standings
        },
    }


def _verdicts(judged: Judged) -> dict[str, int]:
    return {"good": judged.good, "bad": judged.bad, "undecided": judged.undecided}
