"""What keeps LiteLLM from sending a private request elsewhere, and from keeping it.

Failure behaviour: none; `tests/proxy/test_privacy_failures.py` notices when LiteLLM no longer reads one of these.
"""

from collections.abc import Mapping
from typing import Any

HERE_ALONE: Mapping[str, Any] = {"disable_fallbacks": True, "cache": {"no-cache": True, "no-store": True}}
"""Parameters of a call that stays with its model group."""


def keep_out_of_logs(log: Any) -> None:
    """Let LiteLLM's loggers see no text of the request that is being served; `log` is LiteLLM's object for it.

    A route's calls are logged by objects of their own: the completer makes them under LiteLLM's context for that.
    """
    if log is not None:
        log.standard_callback_dynamic_params["turn_off_message_logging"] = True
