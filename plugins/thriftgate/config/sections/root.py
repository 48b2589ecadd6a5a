"""The whole of `callback_settings.thriftgate`."""

from typing import Literal

from pydantic import Field, model_validator

from thriftgate.config.sections.base import Duration, Section
from thriftgate.config.sections.cache import CacheConfig
from thriftgate.config.sections.cascade import CascadeConfig
from thriftgate.config.sections.guards import GuardsConfig
from thriftgate.config.sections.identity import BudgetsConfig, IdentityConfig
from thriftgate.config.sections.limits import LimitsConfig
from thriftgate.config.sections.observability import LogsConfig, MetricsConfig
from thriftgate.config.sections.output import OutputConfig
from thriftgate.config.sections.privacy import PrivacyConfig
from thriftgate.config.sections.prompts import PromptsConfig, RoutePromptConfig
from thriftgate.config.sections.tracing import TracingConfig

EmbedderName = Literal["local", "fast", "multilingual"]


class RouteConfig(Section):
    """One use case: what clients call as `model`, and the stages that answer it. An absent stage is off."""

    cascade: CascadeConfig = Field(description="Which models are asked, cheapest first.")
    cache: CacheConfig | None = Field(default=None, description="Serve answers again; absent: off.")
    prompt: RoutePromptConfig | None = Field(
        default=None, description="The route's own prompt; absent: only the client's."
    )
    output: OutputConfig | None = Field(
        default=None, description="Answers must be JSON of a given shape; absent: nothing is enforced."
    )
    capture_content: bool = Field(
        default=False, description="Keep what users said and were told in the ledger and in traces."
    )
    trace_content_share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Of requests whose content is kept, the share whose traces show it; 0: only the ledger has it.",
    )


class EmbedderConfig(Section):
    """What turns questions into vectors."""

    model: EmbedderName = Field(
        default="local",
        description="All run on this CPU: `local` is MiniLM, which knows English best; `fast` static word vectors, a "
        "twentieth of its CPU and fewer hits; `multilingual` E5 for a hundred languages, twice its CPU and a package "
        "more.",
    )
    dimensions: int | None = Field(
        default=None, ge=1, description="Length of the vectors: 256 of `fast`, 384 of the others; default: the model's."
    )
    cache_size: int = Field(
        default=4_000, ge=0, description="Recently embedded texts that are kept in memory, 2 kB each."
    )


class LedgerConfig(Section):
    """How the book of record is written."""

    flush_interval: Duration = Field(default=1.0, gt=0, description="Rows are written at least this often.")
    max_queue: int = Field(
        default=10_000, ge=1, description="Rows kept while the database is away; the oldest go first."
    )
    retention: Duration = Field(
        default=7_776_000.0, gt=0, description="Rows older than this are deleted (default 90 days)."
    )
    plain_models: bool = Field(
        default=True,
        description="Also keep a row, and send a trace, for each call of a plain model past the routes.",
    )


class ThriftgateConfig(Section):
    """Everything thriftgate reads from `callback_settings.thriftgate`."""

    database_url: str | None = Field(
        default=None, description="PostgreSQL with pgvector; absent: an embedded one under `data_dir`."
    )
    redis_url: str | None = Field(default=None, description="Redis 8; absent: PostgreSQL serves the cache.")
    data_dir: str = Field(default=".thriftgate", description="Where the embedded database and generated files live.")
    prompts_dir: str = Field(default="prompts", description="Where the prompt registry's files are.")
    prompts: PromptsConfig = Field(default=PromptsConfig(), description="Where prompts come from.")
    embedder: EmbedderConfig = Field(default=EmbedderConfig(), description="What turns questions into vectors.")
    ledger: LedgerConfig = Field(default=LedgerConfig(), description="How the book of record is written.")
    tracing: TracingConfig = Field(default=TracingConfig(), description="What Langfuse is told about each request.")
    metrics: MetricsConfig = Field(default=MetricsConfig(), description="Who may read the metrics.")
    logs: LogsConfig | None = Field(default=None, description="A log line for each request; absent: off.")
    identity: IdentityConfig | None = Field(
        default=None, description="Keys, users and teams of the gateway's own; absent: only LiteLLM's keys."
    )
    limits: LimitsConfig | None = Field(
        default=None, description="Who may use how much, and who waits; absent: nobody is limited."
    )
    budgets: BudgetsConfig = Field(
        default=BudgetsConfig(), description="Budgets of routes, and who is told of soft ones."
    )
    privacy: PrivacyConfig | None = Field(
        default=None, description="Take personal data out of requests and put it back into answers; absent: off."
    )
    guards: GuardsConfig | None = Field(
        default=None, description="Look for attacks, leaks and forbidden words; absent: nothing is looked at."
    )
    drain: Duration = Field(
        default=20.0,
        ge=0,
        le=3600,
        description="How long requests in flight may go on when the gateway is stopped; then they are cut, and booked.",
    )
    shutdown_timeout: Duration = Field(
        default=5.0,
        gt=0,
        le=600,
        description="How long, after that, the end may take in all: write ledger rows and traces, close connections.",
    )
    routes: dict[str, RouteConfig] = Field(description="Use cases by name; clients call them as `model`.")

    @model_validator(mode="after")
    def _pii_has_its_analyzer(self) -> "ThriftgateConfig":
        if self.guards is not None and self.guards.pii is not None and self.privacy is None:
            raise ValueError("guards.pii needs the section privacy, whose analyzer it asks")
        return self

    @property
    def routes_with_private_tiers(self) -> frozenset[str]:
        """Those that may ask a model on one's own machines, which may see what others may not."""
        private = set(self.privacy.private_models) if self.privacy is not None else set[str]()
        return frozenset(
            name for name, route in self.routes.items() if any(tier.model in private for tier in route.cascade.tiers)
        )
