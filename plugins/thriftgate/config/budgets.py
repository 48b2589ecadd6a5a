"""The section `budgets`."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from thriftgate.config.base import Section
from thriftgate.config.identity import BudgetConfig


class BudgetsConfig(Section):
    """Budgets of routes, and who is told of soft budgets; those of keys, users and teams stand with them."""

    routes: dict[str, tuple[BudgetConfig, ...]] = Field(
        default_factory=dict[str, tuple[BudgetConfig, ...]], description="Budgets of routes by name."
    )
    webhook: str | None = Field(
        default=None, description="A URL that gets a JSON `POST` when a soft budget is used up; absent: only the log."
    )

    @field_validator("webhook")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError("must be an address that begins with https:// or http://")
        return value
