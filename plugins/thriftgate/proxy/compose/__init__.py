"""The one composition: builds a gateway from its configuration, for the proxy, for commands and for tests."""
