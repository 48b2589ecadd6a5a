"""What follows from findings and from guards that could not look."""

import pytest

from thriftgate.errors import ContentBlockedError, GuardUnavailableError
from thriftgate.guards.findings import Finding
from thriftgate.services.guards.decisions import Acted, Decision, audit_lines

BLOCKED = Acted(Finding("deny", "rivals", 1.0, 0, 4), "block", "answer")
FLAGGED = Acted(Finding("toxicity", "toxic", 0.8, 0, 9), "flag", "answer")


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        (Decision(failed=("pii",)), None),
        (Decision(failed=("pii",), is_closed=True), GuardUnavailableError),
        (Decision((FLAGGED,), failed=("pii",), is_closed=True), GuardUnavailableError),
        (Decision((BLOCKED,), failed=("pii",), is_closed=True), ContentBlockedError),
        (Decision((BLOCKED,), failed=("pii",), shadow=True, is_closed=True), None),
        (Decision((FLAGGED,), is_closed=True), None),
    ],
    ids=["open", "closed", "beside a flag", "beside a block", "in shadow", "nothing failed"],
)
def test_a_guard_that_failed_refuses_where_it_is_closed_and_the_audit_log_names_it_always(
    decision: Decision, error: type[Exception] | None
) -> None:
    assert (None if decision.error is None else type(decision.error)) == error
    named = [line["guard"] for line in audit_lines(decision) if line["rule"] == "failed"]
    assert named == list(decision.failed)
    assert decision.metadata.get("guards_failed", []) == list(decision.failed)
