"""OpenAI's Responses: `request` and `answer` are the views; `assembling` and `replaying` the stream.

`parts` reads the items of a conversation; `echo` is what an answer repeats of its request.
"""
