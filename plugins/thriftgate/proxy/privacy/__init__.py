"""Privacy at the proxy: values out before LiteLLM does anything with a request, back in after it is done.

| module | what it does |
|---|---|
| `layer` | around the endpoints: puts values into the bytes of an answer, after every hook and log of LiteLLM's |
| `hooks` | before the call: takes values out of the request, and out of everything that LiteLLM kept of it |
| `private` | what keeps LiteLLM from sending or keeping elsewhere what only private models may see |
"""
