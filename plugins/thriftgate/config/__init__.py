"""The configuration: one closed model per section, and `load()`, which names every mistake at once."""

from thriftgate.config.cache import CacheConfig, VerifyConfig
from thriftgate.config.cascade import CascadeConfig, TierConfig
from thriftgate.config.identity import IdentityConfig, TokenIssuerConfig
from thriftgate.config.litellm.model_list import Deployment, ModelGroup, ModelList
from thriftgate.config.load import LoadedConfig, from_section, load, load_section
from thriftgate.config.observability import LogsConfig, MetricsConfig
from thriftgate.config.prompts import PromptsConfig, RoutePromptConfig
from thriftgate.config.root import EmbedderConfig, EmbedderName, LedgerConfig, RouteConfig, ThriftgateConfig
from thriftgate.config.tracing import LangfuseTracingConfig, TracingConfig

__all__ = [
    "CacheConfig",
    "CascadeConfig",
    "Deployment",
    "EmbedderConfig",
    "EmbedderName",
    "IdentityConfig",
    "LangfuseTracingConfig",
    "LedgerConfig",
    "LoadedConfig",
    "LogsConfig",
    "MetricsConfig",
    "ModelGroup",
    "ModelList",
    "PromptsConfig",
    "RouteConfig",
    "RoutePromptConfig",
    "ThriftgateConfig",
    "TierConfig",
    "TokenIssuerConfig",
    "TracingConfig",
    "VerifyConfig",
    "from_section",
    "load",
    "load_section",
]
