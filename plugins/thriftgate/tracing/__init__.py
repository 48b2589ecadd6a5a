"""What a trace says about a request: pure."""
