"""What a request costs, and what is written down of it.

`pricing` is LiteLLM's price function · `usages` makes a provider's counts believable · `charging` and `budgets` what
a key pays · `plain_models`, `refusals` and `strangers` record what no route answered · `logs` is a line a request.
"""
