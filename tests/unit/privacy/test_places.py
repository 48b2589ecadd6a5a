"""No place of a request hides a text: not a key that elsewhere holds an id, not one that elsewhere holds bytes."""

from typing import Any
from urllib.parse import quote

import pytest

from thriftgate.privacy.documents import transformed
from thriftgate.privacy.findings import counted_by_kind
from thriftgate.privacy.policy import Action, PrivacyPolicy
from thriftgate.privacy.spans import TextSpan

SAID = "Write to Alice at alice@example.com"
MAIL = "alice@example.com"
BASE64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LINES = f"{BASE64[:76]}\n" * 3 + f"{BASE64[:76]}\r\n" + BASE64[76:]
Body = dict[str, Any]


def content(*parts: Body) -> Body:
    return {"messages": [{"role": "user", "content": list(parts)}]}


def looked_at(body: Body) -> str:
    """All that is looked at, by whichever of the two."""
    seen: list[str] = []

    def note(text: str, label: str) -> str:
        seen.append(text)
        return text

    assert transformed({"body": body}, note)["body"] == body
    return "\n".join(seen)


@pytest.mark.parametrize(
    "body",
    [
        content({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": SAID}}),
        content({"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": SAID}}),
        content({"type": "file", "file": {"file_data": SAID, "format": "text/plain"}}),
        content({"type": "input_audio", "input_audio": {"data": SAID, "format": "wav"}}),
        content({"type": "text", "text": f"data:image/png;base64,{BASE64} {SAID}"}),
        content({"type": "text", "text": f"data: see ;base64, below. {SAID}"}),
        content({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}#{SAID}"}}),
        content({"type": "text", "text": "hi", "detail": SAID}),
        {"messages": [{"role": SAID, "content": "hi"}]},
        {"messages": [{"role": "user", "content": "hi", "status": SAID}]},
        {"input": [{"role": "user", "content": "hi", "id": SAID}]},
        {"x_vendor": {"id": SAID, "format": "json"}},
        {"x_vendor": {"media_type": "text/plain", "data": SAID}},
        {"x_vendor": {"type": "custom", "name": SAID}},
        {"input": [{"type": "local_shell_call", "action": {"type": "exec", "env": {"id": SAID}}}]},
        {"conversation": SAID},
        content({"type": "image_url", "image_url": {"url": f"data:image/png;name={MAIL};base64,{BASE64}"}}),
        content({"type": "image_url", "image_url": {"url": f"data:{MAIL};base64,{BASE64}"}}),
        content({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}\n{SAID}"}}),
    ],
)
def test_a_text_is_looked_at_whatever_its_key_is_elsewhere(body: Body) -> None:
    assert MAIL in looked_at(body)


@pytest.mark.parametrize(
    "body",
    [
        content({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}}),
        content({"type": "input_audio", "input_audio": {"data": BASE64, "format": "wav"}}),
        content({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}"}}),
        content({"type": "image_url", "image_url": {"url": f"data:image/png;name=cat.png;base64,{BASE64}"}}),
        content({"type": "image_url", "image_url": {"url": f"data:Image/PNG;base64,{BASE64}"}}),
        content({"type": "image_url", "image_url": {"url": f"data:;base64,{BASE64}"}}),
        content({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{LINES}"}}),
        content({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{quote(BASE64, safe='')}"}}),
        content({"type": "file", "file": {"file_data": f'data:audio/webm;codecs="opus, vp8";base64,{BASE64}'}}),
        content({"type": "file", "file": {"file_data": f"data:text/csv;charset=utf-8;header=present;base64,{BASE64}"}}),
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": BASE64}}]}]},
        {"contents": [{"parts": [{"text": "hi", "thoughtSignature": BASE64}]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking", "data": BASE64}]}]},
        {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": BASE64}]},
        # How LiteLLM remembers which deployment it came from.
        {"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": f"litellm_enc:bW9kZWw;{BASE64}"}]},
        {"tools": [{"type": "mcp", "server_label": "crm", "authorization": f"Bearer {BASE64}"}]},
        {"mcp_servers": [{"type": "url", "name": "crm", "authorization_token": f"Bearer {BASE64}"}]},
    ],
)
def test_bytes_and_what_only_a_provider_reads_are_left_alone(body: Body) -> None:
    seen = looked_at(body)
    assert BASE64[:40] not in seen
    assert BASE64[-20:-3] not in seen


def test_an_id_that_no_protocol_has_is_looked_at_for_patterns_alone() -> None:
    words: list[str] = []

    def prose(text: str, label: str) -> str:
        raise AssertionError(text)

    def word(text: str, label: str) -> str:
        words.append(text)
        return "<CREDIT_CARD_1>" if text == "4111111111111111" else text

    body = {"x_vendor": {"id": "4111111111111111", "role": "Alice"}, "messages": [{"role": "user", "id": "msg_1"}]}
    masked = transformed({"body": body}, prose, word)["body"]
    assert masked["x_vendor"] == {"id": "<CREDIT_CARD_1>", "role": "Alice"}
    assert (words, masked["messages"]) == (["4111111111111111", "Alice"], body["messages"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Anna Keller's mail", "Anna Keller"),
        ("ANNA KELLER\u2019S mail", "ANNA KELLER"),
        ("James' mail", "James"),
        ("Shaun O'S mail", "Shaun O"),
        ("O'Sullivan mail", "O'Sullivan"),
        ("'s mail", "'s"),
    ],
)
def test_what_is_somebodys_names_them_and_nobody_else(text: str, name: str) -> None:
    """Where a model takes the sign of the possessive for a part of the name, it would be another person."""
    span = TextSpan(0, text.index(" mail"), "PERSON", 0.9)
    (found,) = counted_by_kind(text, [span], PrivacyPolicy(actions={"PERSON": Action.PSEUDONYMIZE}))
    assert text[found.start : found.end] == name
