"""What LiteLLM's log keeps of a failed request."""

import logging
from collections.abc import Iterator

import pytest

from thriftgate.errors import GatewayError, InvalidRequestError, OverloadedError, RateLimitExceededError
from thriftgate.proxy.errors import ClientHTTPException
from thriftgate.proxy.tiers.quoting import Unquoted

NAME = "LiteLLM Proxy"
SECRET = "I bought a ring for Mrs Smith"


class Lines(logging.Handler):
    """Keeps what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    logger, handler, ours = logging.getLogger(NAME), Lines(), Unquoted()
    before = logger.filters[:]
    logger.addHandler(handler)
    ours.install()
    assert logger.filters[0] is ours
    yield handler
    logger.removeHandler(handler)
    for name in ("LiteLLM", "LiteLLM Router", NAME, "LiteLLM Proxy Stdout", "asyncio", "uvicorn.error"):
        logging.getLogger(name).removeFilter(ours)
    assert logger.filters == before


def log(error: Exception) -> None:
    try:
        raise error
    except Exception as caught:
        logging.getLogger(NAME).exception("_handle_llm_api_exception(): Exception occured - %s", caught)


@pytest.mark.parametrize(
    "error", [RateLimitExceededError("slower", retry_after=1), OverloadedError("full", retry_after=1)]
)
def test_of_too_many_requests_there_is_no_line_for_each(lines: Lines, error: GatewayError) -> None:
    log(ClientHTTPException(error))
    assert not lines.said


def test_a_request_that_was_refused_is_one_line_without_a_traceback(lines: Lines) -> None:
    log(ClientHTTPException(InvalidRequestError(f"no such field: {SECRET}")))
    (line,) = lines.said
    assert "Exception occured" in line
    assert "\n" not in line
    assert SECRET not in line


@pytest.mark.parametrize("error", [ValueError(SECRET), ClientHTTPException(GatewayError(SECRET))])
def test_a_failure_keeps_its_traceback_and_not_its_words(lines: Lines, error: Exception) -> None:
    log(error)
    (line,) = lines.said
    assert "Traceback (most recent call last):" in line
    assert "test_quoting.py" in line
    assert SECRET not in line
