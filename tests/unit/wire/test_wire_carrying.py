"""What a translation would lose is named by its path; what it carries is let through."""

import pytest
from tests.wire_samples.chat_requests import CHAT_REQUESTS
from tests.wire_samples.dialects import REQUESTS, request_id
from tests.wire_samples.messages_requests import MESSAGES_REQUESTS, ask, assistant, user, words
from tests.wire_samples.responses_requests import RESPONSES_REQUESTS
from tests.wire_samples.samples import Body, Sample

from thriftgate.output.requirement import ANY_OBJECT
from thriftgate.wire.abilities import NO_ABILITIES, Ability
from thriftgate.wire.counterparts import translated
from thriftgate.wire.dialects import carries, request_view
from thriftgate.wire.turns import Dialect

MESSAGES_LOST = {
    "failed tool": "messages[2].content[0].is_error",
    "one call at a time": "tool_choice.disable_parallel_tool_use",
    "apples": "messages[0].content[0].type",
    "pdf by id": "messages[0].content[0].type",
    "cited document": "messages[0].content[0].type",
    "document of blocks": "messages[0].content[0].type",
    "search result": "messages[0].content[0].type",
    "container upload": "messages[0].content[0].type",
    "image by id": "messages[0].content[0].source.file_id",
    "document from a tool": "messages[2].content[0].content[0].type",
    "thought before a tool": "messages[1].content[0].signature",
    "web search": "tools[0].type",
    "bash and editor": "tools[0].type",
    "mcp": "mcp_servers",
    "container": "container",
    "context management": "context_management",
    "sampling": "top_k",
    "unknown field": "brand_new",
    "unknown block": "messages[0].content[1].type",
    "server tool before": "messages[1].content[0].type",
}
MESSAGES_CARRIED = {
    "plain", "system blocks", "history in blocks", "inline image", "image by address", "tools", "custom type",
    "named tool", "tool result", "tool that worked", "image from a tool", "thinking", "adaptive thinking",
    "json schema", "who asks", "stream", "nulls", "cached tools", "pdf", "pdf by address",
}  # fmt: skip
RESPONSES_LOST = {
    "previous response": "previous_response_id",
    "conversation": "conversation",
    "prompt template": "prompt",
    "background": "background",
    "item reference": "input[0].type",
    "file by id": "input[0].content[0].file_id",
    "file by address": "input[0].content[0].file_url",
    "image by id": "input[0].content[1].file_id",
    "audio": "input[0].content[0].type",
    "refused before": "input[1].content[0].type",
    "web search": "tools[0].type",
    "local tools": "tools[0].type",
    "custom tool": "tools[0].format",
    "allowed tools": "tool_choice",
    "one call at a time": "max_tool_calls",
    "logprobs": "include[0]",
    "verbosity": "text.verbosity",
    "thought and tool": "input[1].encrypted_content",
    "shell turn": "input[1].type",
    "computer": "truncation",
    "unknown field": "brand_new",
    "unknown item": "input[0].type",
}
RESPONSES_CARRIED = {
    "plain", "one message", "instructions and developer", "history of items", "inline image", "inline file", "tools",
    "named tool", "tool turn", "tool output in parts", "custom tool turn", "json schema", "reasoning", "who asks",
    "kept thought", "nulls", "stream",
}  # fmt: skip
CHAT_LOST = {
    "three answers": "n",
    "logprobs": "logprobs",
    "audio in": "messages[0].content[1]",
    "audio out": "audio",
    "custom tool": "tools[0].type",
    "allowed tools": "tool_choice",
    "prediction": "prediction",
    "sampling": "logit_bias",
    "refused before": "messages[1].refusal",
    "spoken before": "messages[1].audio",
    "custom tool turn": "messages[1].tool_calls[0]",
}


def body_of(dialect: Dialect, name: str) -> Body:
    samples = {
        Dialect.CHAT: CHAT_REQUESTS,
        Dialect.MESSAGES: MESSAGES_REQUESTS,
        Dialect.RESPONSES: RESPONSES_REQUESTS,
    }[dialect]
    return next(sample.body for sample in samples if sample.name == name)


@pytest.mark.parametrize(
    ("dialect", "target", "name", "path"),
    [
        *((Dialect.MESSAGES, Dialect.CHAT, *pair) for pair in MESSAGES_LOST.items()),
        *((Dialect.MESSAGES, Dialect.RESPONSES, *pair) for pair in MESSAGES_LOST.items()),
        *((Dialect.RESPONSES, Dialect.CHAT, *pair) for pair in RESPONSES_LOST.items()),
        *((Dialect.RESPONSES, Dialect.MESSAGES, *pair) for pair in RESPONSES_LOST.items()),
        *((Dialect.CHAT, Dialect.MESSAGES, *pair) for pair in CHAT_LOST.items()),
    ],
)
def test_what_would_be_lost_is_named(dialect: Dialect, target: Dialect, name: str, path: str) -> None:
    assert path in carries(request_view(dialect, body_of(dialect, name)), target)


@pytest.mark.parametrize(
    ("dialect", "target", "name"),
    [
        *((Dialect.MESSAGES, Dialect.CHAT, name) for name in sorted(MESSAGES_CARRIED)),
        *((Dialect.RESPONSES, Dialect.CHAT, name) for name in sorted(RESPONSES_CARRIED)),
    ],
)
def test_what_is_carried_is_let_through(dialect: Dialect, target: Dialect, name: str) -> None:
    assert carries(request_view(dialect, body_of(dialect, name)), target) == ()


@pytest.mark.parametrize(("dialect", "sample"), REQUESTS, ids=request_id)
def test_a_tier_that_speaks_the_dialect_gets_everything(dialect: Dialect, sample: Sample) -> None:
    assert carries(request_view(dialect, sample.body), dialect) == ()


def test_a_beta_header_is_carried_by_nobody_else() -> None:
    view = request_view(Dialect.MESSAGES, ask(), {"anthropic-beta": "context-1m-2025-08-07"})
    assert carries(view, Dialect.CHAT) == ("headers.anthropic-beta",)


def test_thoughts_that_litellm_sealed_go_back_to_where_they_came_from() -> None:
    def talk(signature: str) -> Body:
        thought = {"type": "thinking", "thinking": "Hm.", "signature": signature}
        return ask(user(), assistant([thought, words("Lima.")]), user("And?"))

    assert carries(request_view(Dialect.MESSAGES, talk("litellm_encrypted_reasoning:abc")), Dialect.RESPONSES) == ()
    assert carries(request_view(Dialect.MESSAGES, talk("")), Dialect.RESPONSES) == ()
    assert carries(request_view(Dialect.MESSAGES, talk("c2ln")), Dialect.RESPONSES) == (
        "messages[1].content[0].signature",
    )


def test_what_is_said_about_a_document_is_lost_but_for_its_name() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
    document = {
        "type": "document",
        "source": source,
        "title": "Fees",
        "context": "2026",
        "citations": {"enabled": True},
    }
    view = request_view(Dialect.MESSAGES, ask(user([document, words("Sum")])))
    about = "messages[0].content[0]"
    assert carries(view, Dialect.RESPONSES) == (f"{about}.context", f"{about}.citations")
    assert carries(view, Dialect.CHAT) == (f"{about}.title", f"{about}.context", f"{about}.citations")


@pytest.mark.parametrize("nothing", [None, [], {}])
def test_with_a_field_of_nothing_nothing_is_lost(nothing: object) -> None:
    """SDKs send an empty list where there is none."""
    asked: Body = {"messages": [user("Hi")], "mcp_servers": nothing, "container": nothing}
    assert carries(request_view(Dialect.MESSAGES, asked), Dialect.CHAT) == ()
    assert carries(request_view(Dialect.RESPONSES, {"input": "Hi", "max_tool_calls": nothing}), Dialect.CHAT) == ()


def test_stop_sequences_are_lost_only_where_the_dialect_has_none() -> None:
    view = request_view(Dialect.MESSAGES, ask(stop_sequences=["END"]))
    assert carries(view, Dialect.CHAT) == ()
    assert carries(view, Dialect.RESPONSES) == ("stop_sequences",)


ALL = frozenset(Ability)
STRICT: Body = {"type": "object", "properties": {}}
ONE_CALL: Body = {
    "tools": [{"name": "w", "input_schema": STRICT}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
}
EFFORT: Body = {"output_config": {"effort": "high"}}


@pytest.mark.parametrize(
    ("fields", "ability", "path"),
    [
        (ONE_CALL, Ability.ONE_CALL, "tool_choice.disable_parallel_tool_use"),
        (EFFORT, Ability.EFFORT, "output_config.effort"),
        ({"top_k": 3}, Ability.TOP_K, "top_k"),
    ],
)
@pytest.mark.parametrize("target", [Dialect.CHAT, Dialect.RESPONSES])
def test_what_has_a_counterpart_is_lost_only_where_the_provider_does_not_take_it(
    fields: Body, ability: Ability, path: str, target: Dialect
) -> None:
    view = request_view(Dialect.MESSAGES, ask(**fields))
    assert carries(view, target, ALL - {ability}) == (path,)
    assert carries(view, target, frozenset({ability})) == ()


STRICT_CHAT: Body = {"type": "function", "function": {"name": "w", "strict": True}}
LOOSE_CHAT: Body = {"type": "function", "function": {"name": "w"}}
STRICT_TOOL: Body = {"type": "function", "name": "w", "strict": True}
LOOSE_TOOL: Body = {"type": "function", "name": "w"}


@pytest.mark.parametrize(
    ("dialect", "strict", "loose"),
    [
        (Dialect.CHAT, STRICT_CHAT, LOOSE_CHAT),
        (Dialect.RESPONSES, STRICT_TOOL, LOOSE_TOOL),
        (Dialect.RESPONSES, {"type": "namespace", "name": "n", "tools": [LOOSE_TOOL, STRICT_TOOL]},
         {"type": "namespace", "name": "n", "tools": [LOOSE_TOOL, LOOSE_TOOL]}),
    ],
)  # fmt: skip
def test_that_arguments_keep_to_their_schema_is_promised_where_the_provider_takes_it_and_not_for_many_tools(
    dialect: Dialect, strict: Body, loose: Body
) -> None:
    takes = frozenset({Ability.STRICT_TOOLS})
    asked: Body = {"messages": [user("Hi")]} if dialect is Dialect.CHAT else {"input": "Hi"}
    view = request_view(dialect, {**asked, "tools": [strict]})
    assert carries(view, Dialect.MESSAGES) == carries(view, Dialect.CHAT) == ()
    assert translated(dialect, Dialect.MESSAGES, {"tools": [loose, strict]}, NO_ABILITIES) == {"tools": [loose, loose]}
    assert translated(dialect, Dialect.MESSAGES, {"tools": [*[strict] * 5, loose]}, takes) == {}
    assert translated(dialect, Dialect.MESSAGES, {"tools": [strict] * 6}, takes) == {"tools": [loose] * 6}
    assert translated(dialect, Dialect.MESSAGES, {"tools": [loose] * 6}, NO_ABILITIES) == {}


@pytest.mark.parametrize(
    ("dialect", "target", "fields", "path"),
    [
        (Dialect.MESSAGES, Dialect.CHAT, {"output_format": {"type": "json_object"}}, "output_format"),
        (Dialect.MESSAGES, Dialect.CHAT, {"output_config": {"format": {"type": "text"}}}, "output_config.format"),
        (Dialect.MESSAGES, Dialect.CHAT, {**EFFORT, "thinking": {"type": "disabled"}}, "output_config.effort"),
    ],
)
def test_what_no_provider_of_the_other_dialect_has_is_lost_everywhere(
    dialect: Dialect, target: Dialect, fields: Body, path: str
) -> None:
    view = request_view(dialect, {"messages": [user("Hi")], **fields})
    assert path in carries(view, target, ALL)


def test_a_model_that_always_thinks_is_not_told_to_stop() -> None:
    view = request_view(Dialect.MESSAGES, ask(thinking={"type": "disabled"}))
    for target in (Dialect.CHAT, Dialect.RESPONSES):
        for takes in (NO_ABILITIES, frozenset({Ability.EFFORT}), frozenset({Ability.EFFORT, Ability.NO_EFFORT})):
            assert carries(view, target, takes) == ()
        assert translated(Dialect.MESSAGES, target, view.body, frozenset({Ability.EFFORT})) == {"thinking": None}


BUDGET: Body = {"type": "enabled", "budget_tokens": 2000, "summary": "auto"}
RESTING: Body = {"thinking": {"type": "disabled"}}


@pytest.mark.parametrize(
    ("target", "takes", "fields", "changes"),
    [
        (Dialect.CHAT, ALL, ONE_CALL, {"parallel_tool_calls": False}),
        (Dialect.RESPONSES, ALL, ONE_CALL, {"parallel_tool_calls": False}),
        (Dialect.CHAT, NO_ABILITIES, ONE_CALL, {}),
        (Dialect.CHAT, ALL, {**ONE_CALL, "tools": []}, {}),
        (Dialect.CHAT, ALL, EFFORT, {"thinking": {"type": "adaptive"}}),
        (Dialect.CHAT, ALL, {**EFFORT, "thinking": BUDGET}, {"thinking": {"type": "adaptive", "summary": "auto"}}),
        (Dialect.CHAT, NO_ABILITIES, EFFORT, {}),
        (Dialect.CHAT, ALL, {**EFFORT, **RESTING}, {}),
        (Dialect.CHAT, ALL, RESTING, {}),
        (Dialect.CHAT, NO_ABILITIES, RESTING, {"thinking": None}),
        (Dialect.RESPONSES, ALL, RESTING, {"reasoning": {"effort": "none"}}),
        (Dialect.RESPONSES, ALL, {"thinking": BUDGET}, {}),
        (Dialect.CHAT, ALL, {"service_tier": "standard_only"}, {"service_tier": "default"}),
        (Dialect.CHAT, NO_ABILITIES, {"service_tier": "auto"}, {"service_tier": None}),
        (Dialect.CHAT, ALL, {"service_tier": "flex"}, {}),
        (Dialect.MESSAGES, ALL, {**ONE_CALL, **EFFORT, **RESTING}, {}),
    ],
)
def test_a_client_of_anthropics_is_told_elsewhere_by_other_fields(
    target: Dialect, takes: frozenset[Ability], fields: Body, changes: Body
) -> None:
    assert translated(Dialect.MESSAGES, target, fields, takes) == changes


TOLD: Body = {"role": "system", "content": ANY_OBJECT}
RULE: Body = {"role": "developer", "content": "Be brief."}


@pytest.mark.parametrize(
    ("dialect", "fields", "changes"),
    [
        (Dialect.CHAT, {"response_format": {"type": "json_object"}, "messages": [RULE, user("Hi")]},
         {"response_format": None, "messages": [RULE, TOLD, user("Hi")]}),
        (Dialect.CHAT, {"response_format": {"type": "json_object"}, "messages": [user("Hi"), RULE]},
         {"response_format": None, "messages": [TOLD, user("Hi"), RULE]}),
        (Dialect.CHAT, {"response_format": {"type": "text"}, "messages": [user("Hi")]}, {}),
        (Dialect.CHAT, {"response_format": {"type": "json_object", "response_schema": STRICT}, "messages": []}, {}),
        (Dialect.RESPONSES, {"text": {"format": {"type": "json_object"}}}, {"text": None, "instructions": ANY_OBJECT}),
        (Dialect.RESPONSES, {"text": {"format": {"type": "json_object"}, "a": 1}, "instructions": "Be brief."},
         {"text": {"a": 1}, "instructions": f"Be brief.\n\n{ANY_OBJECT}"}),
        (Dialect.RESPONSES, {"text": {"format": {"type": "text"}}}, {}),
    ],
)  # fmt: skip
def test_json_of_any_shape_is_asked_of_anthropic_in_words(dialect: Dialect, fields: Body, changes: Body) -> None:
    assert translated(dialect, Dialect.MESSAGES, fields, NO_ABILITIES) == changes
    assert translated(dialect, Dialect.RESPONSES if dialect is Dialect.CHAT else Dialect.CHAT, fields, ALL) == {}


@pytest.mark.parametrize(
    ("dialect", "fields", "changes"),
    [
        (Dialect.CHAT, {"safety_identifier": "s"}, {"safety_identifier": None, "user": "s"}),
        (Dialect.CHAT, {"safety_identifier": "s", "user": "u"}, {"safety_identifier": None, "user": "u"}),
        (Dialect.RESPONSES, {"prompt_cache_key": "k", "store": False}, {"prompt_cache_key": None, "store": None}),
        (Dialect.CHAT, {"logprobs": False, "presence_penalty": 0.0}, {"logprobs": None, "presence_penalty": None}),
        (Dialect.CHAT, {"logprobs": True, "presence_penalty": 0.1, "logit_bias": {"1": 2}}, {}),
        (Dialect.RESPONSES, {"logprobs": False}, {}),
    ],
)
def test_what_anthropic_does_not_know_and_asks_for_nothing_does_not_reach_it(
    dialect: Dialect, fields: Body, changes: Body
) -> None:
    assert translated(dialect, Dialect.MESSAGES, fields, NO_ABILITIES) == changes
    assert translated(dialect, Dialect.RESPONSES if dialect is Dialect.CHAT else Dialect.CHAT, fields, ALL) == {}


PICTURE = "data:image/png;base64,iVBORw0="
UNION: Body = {"anyOf": [{"type": "object", "properties": {"a": {}}}]}


LEFT_OUT: list[tuple[Dialect, Body, str]] = [
    (Dialect.MESSAGES, ask(user([{"type": "image", "source": {"type": "s3", "uri": "x"}}])),
     "messages[0].content[0].source"),
    (Dialect.MESSAGES, ask(user([{"type": "image", "url": "x"}])), "messages[0].content[0].source"),
    (Dialect.MESSAGES, ask(user([{"type": "tool_result", "tool_use_id": "t", "content": "x", "is_error": 1}])),
     "messages[0].content[0].is_error"),
    (Dialect.MESSAGES, ask(**{**ONE_CALL, "tool_choice": {"type": "any", "disable_parallel_tool_use": 1}}),
     "tool_choice.disable_parallel_tool_use"),
    (Dialect.CHAT, {"messages": [{"role": "assistant", "content": [
        {"type": "image_url", "image_url": {"url": PICTURE}}]}]}, "messages[0].content[0]"),
    (Dialect.CHAT, {"messages": [{"role": "system", "content": [
        {"type": "image_url", "image_url": {"url": PICTURE}}]}]}, "messages[0].content[0]"),
    (Dialect.CHAT, {"messages": [{"role": "assistant", "content": "x", "images": [
        {"type": "image_url", "image_url": {"url": PICTURE}}]}]}, "messages[0].images"),
    (Dialect.CHAT, {"tools": [{"type": "function", "function": {"name": "f", "parameters": UNION}}]},
     "tools[0].function.parameters.anyOf"),
    (Dialect.CHAT, {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
     "tools[0].function.parameters.type"),
    (Dialect.CHAT, {"functions": [{"name": "f", "parameters": {"$ref": "#/$defs/A", "$defs": {"A": {}}}}]},
     "functions[0].parameters.$ref"),
    (Dialect.RESPONSES, {"input": "x", "text": {"format": {"type": "grammar", "grammar": "x"}}}, "text.format"),
    (Dialect.RESPONSES, {"input": "x", "tool_choice": "brand_new"}, "tool_choice"),
    (Dialect.RESPONSES, {"input": "x", "tools": [{"type": "function", "function": {"name": "f"}}]},
     "tools[0].name"),
    (Dialect.RESPONSES, {"input": "x", "tools": [{"type": "function", "name": "f", "brand_new": 1}]},
     "tools[0].brand_new"),
    (Dialect.RESPONSES, {"input": "x", "tools": [{"type": "namespace", "name": "n", "tools": [
        {"type": "function", "name": "f"}, {"type": "function", "name": "g", "brand_new": 1}]}]},
     "tools[0].tools[1].brand_new"),
]  # fmt: skip
NOT_TO_ANTHROPIC: list[tuple[Body, str]] = [
    ({"input": [{"role": "assistant", "content": [
        {"type": "input_image", "image_url": PICTURE}]}]}, "input[0].content[0].type"),
    ({"input": [{"role": "developer", "content": [
        {"type": "input_image", "image_url": PICTURE}]}]}, "input[0].content[0].type"),
    ({"input": "x", "tools": [{"type": "function", "name": "f", "parameters": UNION}]}, "tools[0].parameters.anyOf"),
    ({"input": "x", "tools": [{"type": "namespace", "name": "n", "tools": [
        {"type": "function", "name": "f", "parameters": UNION}]}]}, "tools[0].tools[0].parameters.anyOf"),
]  # fmt: skip
SAYS_NOTHING: list[tuple[Dialect, Body]] = [
    (Dialect.CHAT, {"tools": [{"type": "function", "function": {"name": "f", "parameters": {
        "allOf": [], "enum": None, "minProperties": 0}}}]}),
    (Dialect.CHAT, {"tools": [{"type": "function", "function": {"name": "f", "parameters": {
        "$ref": "#/definitions/A", "definitions": {"A": {}}}}}]}),
    (Dialect.RESPONSES, {"input": "x", "text": {"verbosity": None}, "tools": [
        {"type": "function", "name": "f", "brand_new": None}]}),
    (Dialect.MESSAGES, ask(tools=[{"name": "a", "input_schema": {}, "eager_input_streaming": True,
                                   "defer_loading": False, "input_examples": None}])),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "body", "path"), LEFT_OUT)
def test_what_litellm_leaves_out_without_a_word_is_named(dialect: Dialect, body: Body, path: str) -> None:
    target = Dialect.CHAT if dialect is not Dialect.CHAT else Dialect.MESSAGES
    assert carries(request_view(dialect, body), target) == (path,)


@pytest.mark.parametrize(("body", "path"), NOT_TO_ANTHROPIC)
def test_what_other_providers_get_and_anthropic_does_not_is_lost_to_anthropic_alone(body: Body, path: str) -> None:
    view = request_view(Dialect.RESPONSES, body)
    assert carries(view, Dialect.MESSAGES) == (path,)
    assert carries(view, Dialect.CHAT) == ()


@pytest.mark.parametrize(("dialect", "body"), SAYS_NOTHING)
def test_nothing_is_lost_of_a_field_that_says_nothing(dialect: Dialect, body: Body) -> None:
    for target in set(Dialect) - {dialect}:
        assert carries(request_view(dialect, body), target) == ()
