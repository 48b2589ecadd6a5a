"""The pipeline of a route: pure flows driven over ports."""
