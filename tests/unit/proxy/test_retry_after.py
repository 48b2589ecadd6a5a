"""When a provider wants to be asked again, in each of the ways in which providers say so."""

import time
import warnings
from email.utils import formatdate

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LiteLLM's own imports are not ours to mend
    from thriftgate.proxy.errors import tier_failure

pytestmark = [pytest.mark.xdist_group("litellm"), pytest.mark.filterwarnings("ignore")]


class SlowerError(Exception):
    status_code = 429

    def __init__(self, **headers: str) -> None:
        super().__init__("slower")
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": " 7.5 "}, 7.5),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after_ms": "1500"}, 1.5),
        ({"retry_after": "3", "retry_after_ms": "1500"}, 3.0),
        ({"retry_after": "soon", "retry_after_ms": "1500"}, 1.5),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "1e9"}, None),
        ({"retry_after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({"retry_after": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_a_provider_may_say_it_in_seconds_milliseconds_or_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert tier_failure("large", SlowerError(**headers)).retry_after == seconds


def test_a_date_to_come_is_the_seconds_until_then() -> None:
    told = tier_failure("large", SlowerError(retry_after=formatdate(time.time() + 60, usegmt=True))).retry_after
    assert told is not None
    assert 50 < told <= 60
