"""What providers say where a conversation does not fit, and what sounds like it."""

import pytest

from thriftgate.proxy.tiers.windows import is_too_long

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
