"""Langfuse's HTTP interfaces: prompts, and the intake of traces and scores."""
