"""What providers say where a conversation does not fit, and what sounds like it."""

import pytest

from thriftgate.proxy.tiers.windows import is_of_a_field, is_too_long

TOO_LONG = [
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "prompt is too long: 213462 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length",
    "The model returned the following errors: Input is too long for requested model.",
    "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.",
    "Malformed input request: expected maxLength: 50000, actual: 60000, please reformat your input and try again.",
    "Too many input tokens. Max input tokens: 8192, request input token count: 9000",
    "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
    "Unable to submit request because the input token count is 200000 but model only supports up to 32768.",
    "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000.",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192",
    "The input (265330 tokens) is longer than the model's context length (262144 tokens).",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
    "Input validation error: `inputs` must have less than 1024 tokens. Given: 1500",
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
    "the request exceeds the available context size, try increasing it",
    "tokens to keep from the initial prompt is greater than the context length",
    "Trying to keep the first 5000 tokens when context the overflows. It has a context length of only 4096 tokens",
    "prompt too long; exceeded max context length by 4096 tokens",
    "input length exceeds maximum context length",
    "Prompt length (5000) exceeds maximum input length (4096).",
    "Request prompt has 5000 tokens in total, larger than the model input length limit 4096.",
    "prompt token count of 145000 exceeds the limit of 128000",
    "invalid params, context window exceeds limit (2013)",
    "Your request exceeded model token limit: 8192 (requested: 9000)",
    "Range of input length should be [1, 30720]",
    "Prompt exceeds max length",
    "prompt tokens too long",
    "Total tokens of image and text exceed max message tokens",
    "Input length 265330 exceeds the maximum allowed input length of 262144 tokens.",
    "Prompt has 300,000 tokens, but the configured context size is 131,072 tokens",
    "the number of input tokens 5000 cannot exceed the total tokens limit 4096 for this model",
    "Requested token count exceeds the model's maximum context length of 32768 tokens.",
    "max tokens of 4096 exceeded",
    "Prompt is too long: 60000 characters, at most 50000 characters",
    "Reached context length of 4096 tokens with this model",
    "The conversation is too long for this model",
    "This model's maximum context length is 4096 tokens. However, you requested 100 output tokens and your prompt "
    "contains at least 3997 input tokens, for a total of at least 4097 tokens.",
    "'max_tokens' or 'max_completion_tokens' is too large: 2000. This model's maximum context length is 4096 tokens "
    "and your request has 3000 input tokens (2000 > 4096 - 3000).",
    "Input length (9000) exceeds model's maximum context length (8192); output tokens would not fit",
    "The requested prompt (9000 tokens) plus output tokens exceed the model's context length",
    "Invalid 'messages[0].content': string too long. Expected a string with maximum length 10485760, but got more.",
    "Invalid 'input[2].content[0].text': string too long. Expected a string with maximum length 10485760.",
    "#/messages/0/content/0/text: expected maxLength: 50000, actual: 60000, please reformat your input and try again.",
    "Input token length (3000) must be at most 2048",
    "The sum of prompt length (5000.0) and query length (0) should not exceed max_num_tokens (4096)",
    "tokens in request more than max tokens allowed",
    "Input is too long for requested model. Please use fewer tools.",
]
SOMETHING_ELSE = [
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens; you provided 100000.",
    "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the "
    "`context_window` for this model",
    "max_tokens: 200000 > 8192, which is the maximum allowed number of output tokens for this model",
    "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 7000, please reduce it",
    "Rate limit exceeded: too many tokens per minute",
    "ThrottlingException: Too many tokens, please wait before trying again.",
    "You exceeded your current quota, please check your plan and billing details.",
    "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6000000 bytes > 5242880 bytes",
    "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64, but got one of 70.",
    "Invalid 'user': string too long. Expected a string with maximum length 64.",
    "Request exceeds the maximum allowed number of bytes. The maximum request size is 32 MB.",
    "A maximum of 100 PDF pages may be provided.",
    "tools: too many tools, at most 128 are allowed",
    "`max_tokens` must be greater than `thinking.budget_tokens`.",
    "The name exceeds the maximum input length of 64 characters",
    "The input audio is too long: at most 25 MB",
    "image_url is only supported by certain models.",
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "#/toolConfig/tools/0/toolSpec/name: expected maxLength: 64, actual: 80, please reformat your input and try again.",
    "#/messages/0/content/0/toolUse/name: expected maxLength: 64, actual: 80, please reformat your input.",
    "Expected maxLength: 64, actual: 80 for toolConfig.tools.0.toolSpec.name",
    "Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with maximum length 40.",
    "Invalid 'messages': array too long. Expected an array with maximum length 2048, but got one with length 3000.",
    "Number of images in prompt exceeds the model limit of 3",
    "Total number of images in the prompt exceeds the limit of 10",
    "Your prompt exceeded the limit of tools: 128",
    "The tool names in the prompt exceed the limit of 64 characters",
    "Too many tools; input tools exceed max of 128",
    "The audio input exceeds the maximum duration of 1500 seconds",
    "Input video exceeds maximum duration",
    "max_tokens is too large for the model",
    "max_completion_tokens is too large for the model: 100000",
    "max_new_tokens 9000 exceeds the model's maximum tokens allowed",
    "The max_tokens value is larger than the model's context window size of 8192",
    "logit_bias has too many tokens: at most 300",
    "You exceeded your current token limit for this billing period. Token limit exceeded.",
    "Request exceeds the tokens limit of your plan (monthly)",
    "budget_tokens 60000 must be less than max_tokens; request has input tokens 300, more than the thinking budget",
    "Authentication token in request is longer than 256 characters",
    "the provider says no",
    "",
]


@pytest.mark.parametrize("said", TOO_LONG)
def test_whatever_a_provider_says_of_a_conversation_that_does_not_fit_is_understood(said: str) -> None:
    assert is_too_long(said)


@pytest.mark.parametrize("said", SOMETHING_ELSE)
def test_a_limit_on_something_else_is_not_taken_for_the_window(said: str) -> None:
    assert not is_too_long(said)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("context_length_exceeded", True), ("model_context_window_exceeded", True), ("prompt_too_long", True),
        ("model_max_prompt_tokens_exceeded", True), ("exceed_context_size_error", True), ("input_too_long", True),
        ("rate_limit_exceeded", False), ("string_above_max_length", False), ("invalid_request_error", False),
    ],
)  # fmt: skip
def test_a_short_word_for_programs_tells_as_well(code: str, expected: bool) -> None:
    assert is_too_long("no", code) is expected


@pytest.mark.parametrize(
    "said", [
        "#/toolConfig/tools/0/toolSpec/name: expected maxLength: 64, actual: 80, please reformat your input.",
        "Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with maximum length 40.",
        "max_new_tokens 9000 exceeds the maximum number of tokens allowed (8192)",
    ],
)  # fmt: skip
def test_a_field_of_its_own_is_no_part_of_the_conversation(said: str) -> None:
    assert is_of_a_field(said)


@pytest.mark.parametrize(
    "said", [*TOO_LONG, "the window is full, see https://docs.invalid/#/limits: context length exceeded"]
)
def test_no_part_of_the_conversation_is_taken_for_another_field(said: str) -> None:
    assert not is_of_a_field(said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("input length exceeds maximum context length", True),
        ("the request exceeds the available context size, try increasing it", True),
        ("Input Tokens Exceeded: Number of input tokens exceeds maximum length.", True),
        ("prompt token count of 145000 exceeds the limit of 128000", True),
        ("prompt is too long: 213462 tokens > 200000 maximum", True),
        ("worker crashed: a request of 300 tokens exceeded its slot", False),
        ("Internal error: request token id is longer than expected", False),
        ("Internal error: prompt exceeds max slots", False),
    ],
)
def test_a_server_that_failed_has_to_name_the_window_or_the_conversation(said: str, expected: bool) -> None:
    assert is_too_long(said, is_servers_fault=True) is expected
