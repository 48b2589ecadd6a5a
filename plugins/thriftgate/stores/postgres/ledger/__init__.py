"""The book of record in PostgreSQL, and what the live page asks of it."""
