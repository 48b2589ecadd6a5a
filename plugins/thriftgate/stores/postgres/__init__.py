"""The ports in PostgreSQL with pgvector: cache, ledger, what the live page asks, coalescing."""
