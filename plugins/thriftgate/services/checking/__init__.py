"""Was it right? Audits of cheap answers and verifications of hits, beside the requests."""
