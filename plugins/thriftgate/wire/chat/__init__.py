"""Chat completions: `request` and `answer` are the views; `assembling` and `replaying` the stream."""
