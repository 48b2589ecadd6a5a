"""How a tier's model group is asked through LiteLLM's router, and what its provider really answered.

`completer` asks · `deployments` what models are called · `translations` which deployment speaks which dialect ·
`breaker` cools a deployment that cannot be reached · `stumbles` tells a request's fault from a provider's ·
`listening` and `provider_answer` what a provider said beside what LiteLLM passes on · `endings` how it ended ·
`quoting` keeps its words out of logs · `tokenizers` counts without fetching anything.
"""
