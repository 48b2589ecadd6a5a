"""Routes whose answers must have a shape."""

from typing import Any

SHAPE: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


def output_routes() -> dict[str, Any]:
    """By name: a shape of the route's, one that is shown while it flows, and only the callers' own."""
    two: dict[str, Any] = {"tiers": [{"model": "small"}, {"model": "large"}], "audit": {"share": 0}, "holdout": 0}
    cache = {"max_error": 0, "ttl": "10m", "verify": {"share": 0}}
    return {
        "shaped": {"cascade": {**two, "accept_at": 0.5}, "output": {"json_schema": SHAPE}},
        "shaped-cached": {"cascade": two, "output": {"json_schema": SHAPE}, "cache": cache},
        "shaped-shown": {"cascade": {**two, "streaming": "strong_first_token"}, "output": {"json_schema": SHAPE}},
        "calls-shown": {
            "cascade": {"tiers": [{"model": "large"}], "streaming": "strong_first_token"},
            "output": {},
        },
        "shaped-by-caller": {"cascade": {"tiers": [{"model": "large"}]}, "output": {}},
    }
