"""Which single tool a request forces, in every way of saying so."""

from typing import Any

import pytest

from thriftgate.schemas.wanted import forced_tool

USER: dict[str, Any] = {"type": "function", "function": {"name": "User", "parameters": {"type": "object"}}}
OTHER: dict[str, Any] = {"type": "function", "function": {"name": "Other"}}
FLAT: dict[str, Any] = {"type": "function", "name": "User", "parameters": {"type": "object"}}


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def allowed(mode: str, *tools: dict[str, Any]) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}


@pytest.mark.parametrize(
    ("tools", "choice", "forced"),
    [
        ([USER, OTHER], named("User"), "User"),
        ([USER], "required", "User"),
        ([USER], {"type": "any"}, "User"),
        ([USER, OTHER], "required", None),
        ([USER, OTHER], named("Nobody"), None),
        ([USER], "auto", None),
        ([USER], allowed("required", named("User")), "User"),
        ([USER, OTHER], allowed("required", named("User")), "User"),
        ([USER, OTHER], allowed("required", named("User"), named("Other")), None),
        ([USER, OTHER], allowed("auto", named("User")), None),
        ([USER, OTHER], allowed("required", named("Nobody")), None),
        ([USER, OTHER], allowed("required"), None),
        (
            [FLAT],
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "User"}]},
            "User",
        ),
        ([USER], {"type": "allowed_tools", "allowed_tools": 5}, None),
        ([USER], {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": "User"}}, None),
    ],
)
def test_one_tool_that_must_be_called_is_known_in_every_way_of_saying_so(
    tools: list[Any], choice: Any, forced: str | None
) -> None:
    found = forced_tool({"tools": tools, "tool_choice": choice})
    assert (found.name if found else None) == forced
