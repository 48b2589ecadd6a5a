"""thriftgate: a LiteLLM proxy that spends less and can prove that the answers did not get worse."""
