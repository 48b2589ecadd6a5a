"""Langfuse's HTTP interfaces: prompts, dashboards, and the intake of traces and scores."""
