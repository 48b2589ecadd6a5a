"""The answer cache in PostgreSQL with pgvector."""
