"""The part of Jinja that prompts are written in, and what may be put into them: pure."""
