"""Keeps what a provider said out of LiteLLM's log lines: its words about a request may quote the request.

LiteLLM writes the text of a failed call's exception, and its traceback, into its own log. An operator needs the class,
the status and the place; those stay. Where we refused a request ourselves there is no place to look for: that is one
line without a traceback, and none where there were too many requests, which limits count and say once a minute.

Failure behaviour: nothing is raised; a line that cannot be read is written as it came.
"""

import logging
import sys
import traceback
from http import HTTPStatus

from thriftgate.errors import describe_failure
from thriftgate.proxy.errors import ClientHTTPException
from thriftgate.proxy.tiers.breaker import causes

_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "LiteLLM Proxy Stdout", "asyncio", "uvicorn.error")
_SHORTEST = 8
"""Characters of an exception's text that is looked for in a line: shorter ones may be words of the line's own."""


class Unquoted(logging.Filter):
    """Puts an exception's class and status into a line in place of its text."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the line, and say whether it is shown."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        errors = [one for one in arguments if isinstance(one, BaseException)]
        raised = record.exc_info[1] if record.exc_info else None
        if isinstance(raised, ClientHTTPException):
            if raised.is_over_limit:
                return False
            if raised.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                record.exc_info = raised = None
        errors += [one for one in (raised, sys.exc_info()[1]) if one is not None]
        if not errors:
            return True
        message = record.getMessage()
        for error in {id(one): one for top in errors for one in causes(top)}.values():
            for said in (str(error), getattr(error, "message", None)):
                if isinstance(said, str) and len(said) >= _SHORTEST:
                    message = message.replace(said, describe_failure(error))
        record.msg, record.args = message, ()
        if raised is not None:
            frames = "".join(traceback.format_tb(raised.__traceback__))
            record.exc_info = None
            record.exc_text = f"Traceback (most recent call last):\n{frames}{describe_failure(raised)}"
        return True

    def install(self) -> None:
        """From now on, and before LiteLLM's own filter, which takes milliseconds for the characters of a traceback."""
        for name in _LOGGERS:
            logging.getLogger(name).filters.insert(0, self)
