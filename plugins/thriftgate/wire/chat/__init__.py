"""Chat completions: `request` and `answer` are the views; `assembling`, `replaying` and `ending` the stream."""
