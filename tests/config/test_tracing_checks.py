"""Tracing that is half set up is said, and so is a second exporter beside ours."""

from collections.abc import Mapping
from typing import Any

import pytest

from thriftgate.config import ThriftgateConfig
from thriftgate.config.checks.tracing import check_tracing, is_traced

PUBLIC = {"LANGFUSE_PUBLIC_KEY": "pk-1"}
SECRET = {"LANGFUSE_SECRET_KEY": "sk-hunter2"}
BOTH = PUBLIC | SECRET


def config_of(**langfuse: Any) -> ThriftgateConfig:
    route = {"cascade": {"tiers": [{"model": "large"}]}}
    return ThriftgateConfig.model_validate({"routes": {"support": route}, "tracing": {"langfuse": langfuse}})


def said(environ: Mapping[str, str], settings: Mapping[str, Any] | None = None, **langfuse: Any) -> list[str]:
    found = list(check_tracing(config_of(**langfuse), {"litellm_settings": settings or {}}, environ))
    return [("warning: " if one.is_warning else "") + one.problem.message for one in found]


@pytest.mark.parametrize(
    ("environ", "langfuse", "traced"),
    [
        ({}, {}, False),
        (PUBLIC, {}, False),
        (BOTH, {}, True),
        (BOTH, {"enabled": False}, False),
        ({}, {"enabled": True}, True),
    ],
)
def test_tracing_is_on_where_the_keys_are(environ: Mapping[str, str], langfuse: Any, traced: bool) -> None:
    assert is_traced(config_of(**langfuse), environ) == traced


@pytest.mark.parametrize("environ", [{}, BOTH])
def test_all_or_nothing_is_fine(environ: Mapping[str, str]) -> None:
    assert said(environ) == []


def test_one_key_alone_is_said() -> None:
    assert said(PUBLIC) == [
        "warning: tracing is off, because LANGFUSE_PUBLIC_KEY is set and LANGFUSE_SECRET_KEY is not"
    ]
    assert said(SECRET) == [
        "warning: tracing is off, because LANGFUSE_SECRET_KEY is set and LANGFUSE_PUBLIC_KEY is not"
    ]
    assert said(PUBLIC, enabled=False) == []


def test_tracing_that_is_asked_for_needs_its_keys() -> None:
    assert said(PUBLIC, enabled=True) == ["no trace can be sent, because LANGFUSE_SECRET_KEY is not set"]
    assert len(said({}, enabled=True)) == 2


@pytest.mark.parametrize("host", ["langfuse.internal:3000", "ftp://langfuse", "http://", "http://host:port"])
def test_a_host_that_is_no_address_is_refused(host: str) -> None:
    assert said(BOTH | {"LANGFUSE_HOST": host}) == ["LANGFUSE_HOST must look like https://langfuse.example.com"]
    assert said(BOTH | {"LANGFUSE_BASE_URL": "http://langfuse:3000"}) == []


@pytest.mark.parametrize(
    "settings", [{"callbacks": ["langfuse_otel"]}, {"success_callback": ["langfuse"]}, {"callbacks": "langfuse"}]
)
def test_a_second_exporter_is_said(settings: Mapping[str, Any]) -> None:
    (words,) = said(BOTH, settings)
    assert words.startswith("warning:")
    assert "a second trace of each request" in words
    assert said({}, settings) == []
