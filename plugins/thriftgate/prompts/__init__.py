"""Versioned prompts, variants and experiments: pure."""
