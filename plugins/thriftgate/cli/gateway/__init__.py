"""The commands that start, check, try and diagnose a gateway."""
