"""Documents as they go out: what JSON can name and UTF-8 cannot hold is no failure."""

import json

import pytest
from starlette.responses import JSONResponse

from thriftgate.proxy.endpoints.replies import name_half_characters


@pytest.mark.parametrize(
    "said", ["Half a face: \ud83d", "\ude00 first", "a whole one: \ud83d\ude00", "plain", "\u00fc"]
)
def test_half_a_character_goes_out_as_it_came(said: str) -> None:
    name_half_characters()
    name_half_characters()
    sent = JSONResponse({"content": said}).body
    assert json.loads(bytes(sent)) == json.loads(json.dumps({"content": said}))


def test_what_is_no_json_is_still_none() -> None:
    name_half_characters()
    with pytest.raises(ValueError, match="not JSON compliant"):
        JSONResponse({"content": "\ud83d", "number": float("nan")})
