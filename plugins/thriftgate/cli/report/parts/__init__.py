"""The parts of a report: the opened ledger, quality in words, the page."""
