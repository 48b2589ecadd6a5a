"""Answers given before: found, kept, decided on, and looked after by hand."""
