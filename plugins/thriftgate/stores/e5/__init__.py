"""Vectors that mean the same in a hundred languages: multilingual-e5-small (`embedder: {model: multilingual}`)."""
