"""LiteLLM's own sections of the same file, as thriftgate needs them: names, kinds, models, prices and abilities."""
