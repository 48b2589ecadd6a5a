"""What the routes of a configuration promise."""

from pathlib import Path

from thriftgate.config.load import from_section
from thriftgate.services.books.promises import promises_of


def test_a_fixed_threshold_promises_nothing_of_its_hits_whatever_stands_beside_it() -> None:
    cascade = {"tiers": [{"model": "large"}]}
    caches = {"fixed": {"min_similarity": 0.9, "max_error": 0.01}, "promised": {"max_error": 0.01}, "none": None}
    config = from_section({"routes": {name: {"cascade": cascade, "cache": cache} for name, cache in caches.items()}})
    told = {name: (one.max_error, one.max_error_of_hits) for name, one in promises_of(config, Path()).items()}
    assert told == {"fixed": (None, None), "promised": (0.01, 0.05), "none": (None, None)}
