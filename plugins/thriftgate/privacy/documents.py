"""Every text of a request or an answer, whatever its dialect, and the same document with other texts in their place.

All strings are looked at but those that the protocols themselves define (ids, roles, types, signatures, pictures): a
field that nobody foresaw is masked rather than sent. No key hides a text: what is left alone where an id stands has the
letters of one, and where bytes stand is base64; in an object that no protocol has, an id too is looked at for patterns.
Inside what users and tools make up themselves (arguments, JSON inside strings) there are no such exceptions, and the
keys of objects are texts too. In a JSON schema its language's own words stay, and the names of properties are looked at
for patterns alone: a model of names takes "integer" and "lon", where nothing stands beside them, for people, and a
schema without its types is none to any provider.

Failure behaviour: pure; a document nested deeper than 64 levels raises InvalidRequestError (400).
"""

import functools
import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from thriftgate.errors import InvalidRequestError
from thriftgate.privacy.json_text import (
    JsonToken,
    first_name,
    looks_like_json,
    name_before,
    name_beside,
    naming,
    rewritten,
)
from thriftgate.privacy.recognizers.told_codes import is_named_code

MAX_DEPTH = 64
_MAX_JSON_DEPTH = 4
_LIBRARYS = frozenset({
    "host", "user-agent", "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control",
    "connection", "content-encoding", "content-type", "expect", "pragma", "priority", "te", "transfer-encoding",
    "anthropic-beta", "anthropic-version",
})  # fmt: skip
_LIBRARYS_OWN = ("x-stainless-", "sec-")
"""Headers that a client's library writes. A model takes their words for names and addresses: json, CPython, arm64."""
Visit = Callable[[str, str], str]
"""Text and label → the text to put in its place."""

_PROTOCOL_KEYS = frozenset({
    "role", "type", "id", "object", "model", "status", "signature", "encrypted_content", "thought_signature",
    "thoughtSignature", "finish_reason",
    "stop_reason", "media_type", "mime_type", "detail", "format", "file_id", "call_id", "tool_call_id",
    "tool_use_id", "item_id", "previous_response_id", "conversation", "container", "service_tier",
    "reasoning_effort", "effort", "verbosity", "truncation", "modalities", "voice",
    "prompt_cache_retention", "ttl", "system_fingerprint", "response_format_type",
    "tool_choice", "include", "background", "encoding_format", "summary_type", "redacted_data", "vector_store_ids",
    "file_ids", "server_label", "connector_id", "authorization", "cache_control", "betas", "anthropic_beta",
    "anthropic_version", "stream_options", "logit_bias",
})  # fmt: skip
"""Strings under these keys are the protocols' own words or opaque to everybody but the provider."""
_CREDENTIALS = frozenset({"authorization", "authorization_token"})
"""Of a server of tools, which its provider is to show there; whoever wrote them meant them to be sent."""
_CONTAINERS = (
    "body messages input system instructions prompt content message response output outputs results summary source "
    "image_url video_url file input_audio audio image document function custom function_call tool_calls "
    "tool_references action operation outcome caller citations annotations thinking_blocks reasoning_details "
    "reasoning thinking prediction pending_safety_checks acknowledged_safety_checks tools functions tool_choice "
    "allowed_tools format grammar json_schema response_format text output_config output_format container "
    "conversation cache_control stream_options user_location approximate web_search_options mcp_servers "
    "tool_configuration allowed_callers voice context_management edits trigger keep clear_at_least fallbacks "
    "context_window_fallbacks content_policy_fallbacks contents parts systemInstruction system_instruction "
    "skills filters ranking_options provider_specific_fields"
)
_GOES_ON = frozenset({"", *_CONTAINERS.split()})
"""Objects and lists under these keys are the protocols' own; in any other one an id is what somebody made up."""
_ID = re.compile(r"[A-Za-z0-9_.:;/+=|~#$-]*+")
_TOOLS_NAME = re.compile(r"[A-Za-z0-9_.:/-]*+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_=\r\n-]*+")
_TELL_OF_BYTES = frozenset({"media_type", "mime_type", "mimeType", "format"})
_DATA_URL = re.compile(
    r"data:(?:[A-Za-z]{1,20}/[A-Za-z0-9.+-]{1,100}+)?(?:;(?:charset|codecs|version)=[A-Za-z0-9._-]{1,40}+)*+"
    r"(?P<made_up>[^\r\n]{0,200}?);base64,"
    # In lines as encoders break them; a shorter one is no line of these, and read.
    r"(?:[A-Za-z0-9+/_-]{60,}+\r?\n)*+(?:[A-Za-z0-9+/_=-]++|%(?:2[BbFf]|3[Dd]|0[AaDd]))*+"
)
_MADE_UP = frozenset({
    "arguments", "structured_content", "metadata", "litellm_metadata", "requester_metadata",
})  # fmt: skip
"""Under these keys stands what users and tools made up, with keys of their own."""
_SCHEMAS = frozenset({"parameters", "input_schema", "schema", "output_schema"})
"""Under these keys stands a JSON schema, which somebody made up as well."""
_KEYWORDS = (
    "type properties required additionalProperties items enum description title default format minimum maximum "
    "exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern minItems maxItems uniqueItems "
    "minProperties maxProperties patternProperties propertyNames prefixItems contains minContains maxContains "
    "unevaluatedItems unevaluatedProperties $ref $defs $schema $id $anchor $comment $dynamicRef $dynamicAnchor "
    "definitions dependentRequired dependentSchemas anyOf oneOf allOf not const if then else examples nullable "
    "readOnly writeOnly deprecated discriminator propertyName mapping contentEncoding contentMediaType strict"
)
_TYPES_AND_FORMATS = (
    "object string integer number boolean array null date-time date time duration email idn-email hostname "
    "idn-hostname ipv4 ipv6 uri uri-reference uri-template iri iri-reference uuid json-pointer "
    "relative-json-pointer regex byte binary int32 int64 float double password"
)
_SCHEMA_WORDS, _SCHEMA_VALUES = frozenset(_KEYWORDS.split()), frozenset(_TYPES_AND_FORMATS.split())
_IDENTIFIER = re.compile(r"[A-Za-z$_][A-Za-z0-9$_.-]{0,63}\Z")
_TOOL_USES = frozenset({"tool_use", "server_tool_use", "mcp_tool_use", "custom_tool_call"})
_TOOLS = frozenset(
    {"function", "custom", "tool", "function_call", "tool_use", "server_tool_use", "mcp_tool_use", "json_schema"}
)
_PASSED_ON = frozenset({"reasoning_signature", "thinking"})
_PATTERNS_ALONE = 64
"""A made-up id of up to so many characters is no prose: a model of names would take it for anybody."""


def transformed(document: Any, visit: Visit, visit_word: Visit | None = None) -> Any:
    """The document with what `visit` gives for each of its texts; what does not change is the very same object.

    `visit_word` is asked about what is no prose: what a client's library wrote into the head of the request, and the
    names of a schema's properties.
    """
    return _Walk(visit, visit_word or visit).protocol(document, "", 0, is_known=True)


class _Walk:
    def __init__(self, visit: Visit, visit_word: Visit) -> None:
        self._visit = visit
        self._visit_word = visit_word

    def protocol(self, value: Any, key: str, depth: int, *, is_known: bool) -> Any:
        """What the protocol defines: its own fields are left alone; `is_known`: it defines the object around it too."""
        if isinstance(value, str):
            return self._behind_data_url(value)
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            return self._object(fields, key, _deeper(depth), is_known=is_known and key in _GOES_ON)
        if isinstance(value, list):
            items = cast("list[Any]", value)
            return _same_or(items, [self.protocol(item, key, _deeper(depth), is_known=is_known) for item in items])
        return value

    def _behind_data_url(self, text: str) -> str:
        """A picture or file as a data URL is nothing to read, and a megabyte to search.

        What follows it is read, and so is what stands before its bytes and is no protocol's word: a file's name.
        """
        picture = _DATA_URL.match(text)
        if picture is None:
            return self.text(text, "")
        start, end = picture.span("made_up")
        made_up, rest = text[start:end], text[picture.end() :]
        new, follows = self.text(made_up, ""), self.text(rest, "")
        if new == made_up and follows == rest:
            return text
        return text[:start] + new + text[end : picture.end()] + follows

    def _object(self, fields: Mapping[str, Any], key: str, depth: int, *, is_known: bool) -> Any:
        kind = str(fields.get("type") or "")
        out: dict[str, Any] = {}
        for name, value in fields.items():
            if name in _SCHEMAS:
                out[name] = self.schema(value, "", depth)
            elif name in _MADE_UP or (name == "input" and kind in _TOOL_USES):
                out[name] = self.free(value, "", depth)
            elif name in _PROTOCOL_KEYS and isinstance(value, str):
                out[name] = self._id(value, name, is_known=is_known)
            elif (
                (name in _PROTOCOL_KEYS and not isinstance(value, dict | list))
                or _is_name_of_tool(name, fields, key, kind)
                or name in {"cache_control", "stream_options", "logit_bias", "include", "betas"}
                or _is_media(name, fields, kind)
                or (name in _PASSED_ON and fields.get("signature"))
                or (name in _CREDENTIALS and kind == "url")
                or (key == "headers" and name.lower() == "content-length")  # the server has read it as a number
            ):
                out[name] = value
            elif key == "headers" and isinstance(value, str) and _is_librarys(name):
                out[name] = self._visit_word(value, name)
            elif name == "name" and isinstance(value, str):
                # A participant's name: the protocols allow no brackets there.
                out[name] = self._visit(value, "name").translate(_NO_BRACKETS)
            else:
                out[name] = self.protocol(value, name, depth, is_known=is_known)
        return _same_or(fields, out)

    def _id(self, value: str, name: str, *, is_known: bool) -> str:
        """What stands where an id or a word of the protocol does, and may be anything."""
        if not _ID.fullmatch(value) and name not in _CREDENTIALS:
            return self.text(value, "")
        if is_known or name in _CREDENTIALS:
            return value
        return self._visit_word(value, "") if len(value) <= _PATTERNS_ALONE else self.text(value, "")

    def free(self, value: Any, label: str, depth: int) -> Any:
        """What somebody made up: every string and every key of it is a text."""
        if isinstance(value, str):
            return self.text(value, label)
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            if label == "headers":  # of the request, among LiteLLM's notes
                return _same_or(fields, {key: self._header(key, item, _deeper(depth)) for key, item in fields.items()})
            name = functools.reduce(first_name, itertools.starmap(naming, fields.items()), "")
            return _same_or(
                fields,
                {
                    self.text(key, ""): (
                        self.schema(item, key, _deeper(depth))
                        if key in _SCHEMAS
                        else self.free(item, name_beside(key, name), _deeper(depth))
                    )
                    for key, item in fields.items()
                },
            )
        if isinstance(value, list):
            values = cast("list[Any]", value)
            named = (label, name_before(values, label)) if len(values) == 2 else itertools.repeat(label)
            return _same_or(values, [self.free(*one, _deeper(depth)) for one in zip(values, named, strict=False)])
        if isinstance(value, int) and not isinstance(value, bool):
            written = str(value)
            if abs(value) < 100_000_000 and not is_named_code(label, written):
                return value
            new = self._visit(written, label)
            return value if new == written else new
        return value

    def schema(self, value: Any, label: str, depth: int) -> Any:
        """A JSON schema, as far as it is one; anything else in its place is what somebody made up."""
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            return _same_or(
                fields, {self._name(key): self.schema(item, key, _deeper(depth)) for key, item in fields.items()}
            )
        if isinstance(value, list):
            return _same_or(value, [self.schema(item, label, _deeper(depth)) for item in cast("list[Any]", value)])
        if isinstance(value, str):
            if label in ("type", "format") and value in _SCHEMA_VALUES:
                return value
            if label == "required":
                return self._name(value)
            if label in ("$ref", "$dynamicRef"):
                return "/".join(map(self._name, value.split("/")))
        return self.free(value, label, depth)

    def _name(self, name: str) -> str:
        """A key in a schema, or what stands for one."""
        if name in _SCHEMA_WORDS or name in ("", "#"):
            return name
        return self._visit_word(name, "") if _IDENTIFIER.match(name) else self.text(name, "")

    def _header(self, name: str, value: Any, depth: int) -> Any:
        if isinstance(value, str) and name.lower() == "content-length" and value.isdigit():
            return value  # the server has read it as a number
        if isinstance(value, str) and _is_librarys(name):
            return self._visit_word(value, name)
        return self.free(value, "", depth)

    def text(self, text: str, label: str, json_depth: int = 0) -> str:
        """One string; of JSON text the strings in it."""
        if not text:
            return text
        if json_depth < _MAX_JSON_DEPTH and looks_like_json(text):

            def replace(token: JsonToken) -> str:
                return self.text(token.text, token.label, json_depth + 1)

            return rewritten(text, replace)
        return self._visit(text, label)


_NO_BRACKETS = str.maketrans("", "", "<>")


def _deeper(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise InvalidRequestError(f"the request is nested deeper than {MAX_DEPTH} levels", code="request_too_deep")
    return depth + 1


def _is_librarys(header: str) -> bool:
    return header.lower() in _LIBRARYS or header.lower().startswith(_LIBRARYS_OWN)


def _is_media(name: str, fields: Mapping[str, Any], kind: str) -> bool:
    """Bytes where a protocol has bytes: base64 to the end, and not where it says that a text stands there."""
    if name not in {"data", "file_data"} or kind == "text":
        return False
    is_told = kind in ("base64", "redacted_thinking") or not fields.keys().isdisjoint(_TELL_OF_BYTES)
    return is_told and isinstance(fields[name], str) and _BASE64.fullmatch(fields[name]) is not None


def _is_name_of_tool(name: str, fields: Mapping[str, Any], key: str, kind: str) -> bool:
    if name != "name" or ("role" in fields and kind not in _TOOLS):
        return False
    is_tools = kind in _TOOLS or key in {
        "function",
        "functions",
        "function_call",
        "tool_choice",
        "tools",
        "json_schema",
        "format",
    }
    return is_tools and not (isinstance(fields[name], str) and _TOOLS_NAME.fullmatch(fields[name]) is None)


def _same_or(old: Any, new: Any) -> Any:
    """The old container when nothing in it is new."""
    if len(old) != len(new):
        return new
    if isinstance(old, Mapping):
        fields, changed = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        return fields if all(key in fields and fields[key] is value for key, value in changed.items()) else new
    pairs = zip(cast("list[Any]", old), cast("list[Any]", new), strict=True)
    return old if all(first is second for first, second in pairs) else new
