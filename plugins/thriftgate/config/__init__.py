"""The configuration: one closed model per section, and `load()`, which names every mistake at once."""

from thriftgate.config.litellm.model_list import Deployment, ModelGroup, ModelList
from thriftgate.config.load import LoadedConfig, from_section, load, load_section
from thriftgate.config.sections.cache import CacheConfig, VerifyConfig
from thriftgate.config.sections.cascade import CascadeConfig, TierConfig
from thriftgate.config.sections.identity import IdentityConfig, TokenIssuerConfig
from thriftgate.config.sections.observability import LogsConfig, MetricsConfig
from thriftgate.config.sections.prompts import PromptsConfig, RoutePromptConfig
from thriftgate.config.sections.root import EmbedderConfig, EmbedderName, LedgerConfig, RouteConfig, ThriftgateConfig
from thriftgate.config.sections.tracing import LangfuseTracingConfig, TracingConfig

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
