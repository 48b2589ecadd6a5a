"""Anthropic's messages: `request` and `answer` are the views; `assembling` and `replaying` the stream."""
