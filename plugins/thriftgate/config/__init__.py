"""The configuration: one closed model per section, and `load()`, which names every mistake at once."""

from thriftgate.config.cache import CacheConfig, VerifyConfig
from thriftgate.config.cascade import CascadeConfig, TierConfig
from thriftgate.config.root import EmbedderConfig, LedgerConfig, RouteConfig, RoutePromptConfig, ThriftgateConfig

__all__ = [
    "CacheConfig",
    "CascadeConfig",
    "EmbedderConfig",
    "LedgerConfig",
    "RouteConfig",
    "RoutePromptConfig",
    "ThriftgateConfig",
    "TierConfig",
    "VerifyConfig",
]
