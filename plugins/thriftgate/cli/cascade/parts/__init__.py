"""What calibration reads: labels from files or the ledger, and their questions."""
