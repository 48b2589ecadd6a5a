"""Marks tests that start several proxies one after the other, minutes each."""

import os

import pytest

SLOW = pytest.mark.skipif(
    os.environ.get("THRIFTGATE_TEST_SLOW") != "1",
    reason="takes minutes: THRIFTGATE_TEST_SLOW=1 make test ARGS=tests/proxy/test_reload.py",
)
