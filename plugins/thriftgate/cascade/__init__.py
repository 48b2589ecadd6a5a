"""Asking a cheap model first, and knowing when to ask a stronger one: pure."""
