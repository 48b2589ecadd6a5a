"""What keeps LiteLLM from sending a private request elsewhere, and from keeping it.

Failure behaviour: none; `tests/proxy/test_privacy_failures.py` notices when LiteLLM no longer reads one of these.
"""

from collections.abc import Mapping
from typing import Any

from litellm.litellm_core_utils.initialize_dynamic_callback_params import inherit_message_logging_privacy

HERE_ALONE: Mapping[str, Any] = {"disable_fallbacks": True, "cache": {"no-cache": True, "no-store": True}}
"""Parameters of a call that stays with its model group."""


def keep_out_of_logs(log: Any) -> None:
    """Let LiteLLM's loggers see no text of the request that is being served; `log` is LiteLLM's object for it.

    Calls made for the request are logged by objects of their own, which look at a context variable of LiteLLM's.
    """
    # Never left: the context ends with the request.
    inherit_message_logging_privacy(True).__enter__()
    if log is not None:
        log.standard_callback_dynamic_params["turn_off_message_logging"] = True
