"""Anthropic's messages: `request` and `answer` are the views; `assembling`, `replaying` and `ending` the stream."""
