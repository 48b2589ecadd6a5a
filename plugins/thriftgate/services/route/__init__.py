"""One use case, from a request to its answer."""
