"""Limits on the proxy: a layer around every request, and a hook in the middle of it.

`reading` what a request will need, from its body · `request` the one object that layer, hook and routes share ·
`connection` notices that a client has gone while nobody reads · `usage` finds the tokens in an answer on its way out ·
`dialects` what a refusal looks like to OpenAI's and Anthropic's clients · `layer` the ASGI layer: headers, refusals,
and the end of every request · `hooks` where a request waits.
"""
