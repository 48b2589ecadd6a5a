"""Two models that never leave the machine, and how they understand a question."""
