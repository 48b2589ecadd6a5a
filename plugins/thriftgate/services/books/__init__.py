"""The book of record and what is read from it: the ledger, the report, quality, experiments, feedback."""
