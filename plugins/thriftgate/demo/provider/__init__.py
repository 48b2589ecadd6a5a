"""The offline demo provider: OpenAI's API over HTTP, and what goes wrong in it on purpose."""
