"""What stands around LiteLLM's endpoints, before a request reaches it and after an answer leaves it.

`bodies` measures what comes in · `validation` says what is wrong with it, by the tables of `fields` and `parts` and by
what is `chosen` by operators alone ·
`refusing` and `replies` word a refusal in the client's API · `counting` and `describing` answer without a model ·
`unclaimed` tells a fault of an endpoint that no route serves as what it is, by the route that is `named` there.
"""
